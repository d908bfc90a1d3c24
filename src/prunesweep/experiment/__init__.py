"""An experiment from its configuration to its result, and what can be done with a saved run.

- `run.py`: runs one configuration and writes its run directory
- `device.py`: selects the device and makes torch repeatable
- `measures.py`: what a run measures on request
- `provenance.py`: writes `provenance.json` and compares two environments
- `saved.py`: loads the configuration and the weights of a saved run
- `reproduce.py`: runs a saved configuration again and compares the two run directories

May import everything from `errors.py` to `config.py`, but not `report/`, `export/`, `search/` and `cli/`.
"""
