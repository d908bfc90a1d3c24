"""An experiment from its configuration to its result, and what can be done with a saved run.

- `run.py`: runs one configuration and writes its run directory
- `planning.py`, `checks.py`: plan a run and refuse what cannot work, before anything is computed
- `device.py`: selects the device and makes torch repeatable
- `measuring.py`: what a result says about the networks along the chain
- `measures.py`: what a run measures on request
- `sweep.py`, `shared.py`: the runs of a sweep with a pool of workers, and the steps that several runs share
- `forecast.py`, `pace.py`: what a sweep will cost before it starts, and what is left while it runs
- `progress.py`: what the runs of a sweep report while they are executed
- `provenance.py`: writes `provenance.json` and compares two environments
- `saved.py`: loads the configuration and the weights of a saved run
- `reproduce.py`: runs a saved configuration again and compares the two run directories

May import everything from `errors.py` to `config.py`, but not `report/`, `export/`, `search/` and `cli/`.
"""
