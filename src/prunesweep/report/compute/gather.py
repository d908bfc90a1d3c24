"""The runs of one or several sweeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from prunesweep.errors import printable
from prunesweep.results.run_directory import (
    CONFIRMED,
    SEARCH_RESULTS,
    RunDirectory,
    find_runs,
    planned_runs,
    short_path,
    without_result,
)


@dataclass(frozen=True)
class Runs:
    """The runs of one or several sweeps.

    Attributes:
        sweeps: The sweep directories, as displayed.
        all: All runs. With several sweeps, the name of a run begins with the directory of its sweep.
        not_started: The number of runs that have no directory, because their sweep was interrupted.
        confirmed: The completed runs of `prunesweep confirm`, named like the trials that they repeat: `17/seed=3`.
    """

    sweeps: tuple[str, ...]
    all: tuple[RunDirectory, ...]
    not_started: int = 0
    confirmed: tuple[RunDirectory, ...] = ()

    @cached_property
    def completed(self) -> list[RunDirectory]:
        """The runs that have a result."""
        return [run for run in self.all if run.completed]

    @cached_property
    def failed(self) -> list[RunDirectory]:
        """The runs without a result: failed, unfinished or unreadable."""
        return [run for run in self.all if not run.completed]


def gather(sweeps: Sequence[Path]) -> Runs:
    """Read the runs in the directories `sweeps`.

    A completed run whose saved configuration is refused becomes unreadable, because it would be compared with runs of
    other settings.
    """
    names = tuple(printable(short_path(sweep)) for sweep in sweeps)
    runs: list[RunDirectory] = []
    confirmed: list[RunDirectory] = []
    not_started = 0
    for sweep, name in zip(sweeps, names, strict=True):
        found = list(find_runs(sweep))
        not_started += max(0, (planned_runs(sweep) or 0) - len(found))
        new = [run for run in find_runs(sweep / CONFIRMED) if run.completed] if _is_search(sweep) else []
        for runs_of, each in ((runs, found), (confirmed, new)):
            runs_of += [replace(run, name=f"{name}/{run.name}") if len(sweeps) > 1 else run for run in each]
    return Runs(names, tuple(map(_with_settings, runs)), not_started, tuple(confirmed))


def _is_search(sweep: Path) -> bool:
    return (sweep / SEARCH_RESULTS).is_file() and not (sweep / CONFIRMED).is_symlink()


def _with_settings(run: RunDirectory) -> RunDirectory:
    if not run.completed or not run.settings_error:
        return run
    return replace(run, result=without_result("unreadable", run.settings_error, run.overrides))
