"""The base class of all loggers, and the function that calls a logger after a run."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from prunesweep.results.run_directory import RunDirectory, read_run

log = logging.getLogger(__name__)


@dataclass
class Logger(ABC):
    """The settings of a tracker. The option `name` of the group `logger` selects the subclass."""

    name: str

    @abstractmethod
    def log(self, run: RunDirectory, sweep: Path | None) -> None:
        """Record a completed run. An earlier record of the same directory is replaced.

        Args:
            run: A completed run.
            sweep: The directory of the sweep that contains `run`, or None for a single run.
        """


def track(logger: Logger, folder: Path, sweep: Path | None) -> None:
    """Record the completed run in `folder` with `logger`. If the tracker fails, warn: the run itself is complete."""
    try:
        logger.log(read_run(folder), sweep)
    except Exception as error:  # a full disk, a server that does not answer, an incompatible release of the tracker
        log.warning(
            "logger=%s: %s was not recorded (%s: %s). The run itself is complete.",
            logger.name,
            folder,
            type(error).__name__,
            error,
        )
