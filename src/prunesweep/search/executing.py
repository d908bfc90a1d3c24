"""The seam between the loop of a search and what executes its runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from prunesweep.search.evaluation import TrialRun

log = logging.getLogger("prunesweep")

Launch = Callable[[Sequence[TrialRun], int], None]
"""Executes runs, the first of which has the given number, and waits for all of them."""


class Executor(Protocol):
    """Executes the runs of trials. Their results are read from their directories.

    Attributes:
        shows_progress: Whether it shows the progress of its runs to the user.
    """

    shows_progress: bool

    @property
    def free(self) -> int:
        """The number of runs that can be started now."""

    def start(self, trials: Mapping[int, Sequence[TrialRun]], expected: int) -> None:
        """Start the runs of trials.

        Args:
            trials: The runs by the number of the trial.
            expected: The number of further runs that will probably be started later.
        """

    def wait(self) -> Collection[str]:
        """Wait until a run has ended. Return the directories of all that have ended since the last call."""


class Batches:
    """Executes batches of runs with a launcher that waits for the slowest run of a batch."""

    shows_progress = False

    def __init__(self, size: int, launch: Launch) -> None:
        """Create an executor of batches of about `size` runs."""
        self._size = size
        self._launch = launch
        self._first = 0
        self._runs: list[TrialRun] = []

    @property
    def free(self) -> int:
        return max(0, self._size - len(self._runs))

    def start(self, trials: Mapping[int, Sequence[TrialRun]], expected: int) -> None:  # noqa: ARG002
        self._first = min(trials)
        self._runs = [run for runs in trials.values() for run in runs]

    def wait(self) -> Collection[str]:
        """Execute the batch. Errors of the launcher end no search: outcomes are read from the directories."""
        try:
            self._launch(self._runs, self._first)
        except Exception as error:  # a launcher fails if one of its workers is killed
            log.warning("The launcher failed: %s: %s", type(error).__name__, str(error).partition("\n")[0])
        directories = [run.directory for run in self._runs]
        self._runs = []
        return directories
