"""The options of `logger`."""

from __future__ import annotations

from dataclasses import dataclass

from prunesweep.tracking.mlflow import MLflow
from prunesweep.tracking.tensorboard import TensorBoard
from prunesweep.tracking.tracked import Logger, Tracked


@dataclass
class NoLogger(Logger):
    """Nobody is told: the run directory holds all there is."""

    name: str = "none"

    def log(self, run: Tracked) -> None:
        pass


LOGGERS: tuple[type[Logger], ...] = (NoLogger, TensorBoard, MLflow)
