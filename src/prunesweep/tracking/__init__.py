"""Trackers of completed runs: TensorBoard, MLflow and Weights & Biases, selected with `logger=NAME`.

A logger receives a completed run directory. It cannot change a result or a digest, and a failing tracker is a warning.

- `logger.py`: the base class of all loggers, and `track`, which calls one
- `content.py`: the curves, metrics, settings and files that are recorded about a run
- `tensorboard.py`, `mlflow.py`, `wandb.py`: one module per tracker
- `loggers.py`: the options of the group `logger`

May import `errors.py`, `files.py`, `roles.py` and `results/`. `config.py` registers the loggers' schemas, so this
folder imports neither `config.py` nor, at import time, torch or the library of a tracker.
"""
