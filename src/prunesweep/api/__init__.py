"""Start runs and use their results from Python: the functions of the package `prunesweep` itself.

- `compose`: where the settings files are, and how overrides become a configuration
- `run`: the run of `python run.py` and `prunesweep run`
- `start`: `prunesweep.run` and `prunesweep.sweep`
- `tables`: `prunesweep.load`
- `networks`: `prunesweep.network` and `prunesweep.masks`
- `modules`: `prunesweep.prune`

May import everything except `cli`. Only `compose` and `run` import Hydra. `compose` and `run` import torch only when a
run starts, so that `--help` does not wait for it.
"""
