"""The options of the group `logger`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prunesweep.results.run_directory import RunDirectory
from prunesweep.tracking.logger import Logger
from prunesweep.tracking.mlflow import MLflow
from prunesweep.tracking.tensorboard import TensorBoard
from prunesweep.tracking.wandb import WandB


@dataclass
class NoLogger(Logger):
    """Disables tracking. The run directory contains everything."""

    name: str = "none"

    def log(self, run: RunDirectory, sweep: Path | None) -> None:
        pass


LOGGERS: tuple[type[Logger], ...] = (NoLogger, TensorBoard, MLflow, WandB)
