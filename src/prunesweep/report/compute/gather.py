"""The runs of one or several sweeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from prunesweep.results.run_directory import RunDirectory, find_runs


@dataclass(frozen=True)
class Runs:
    """The runs of one or several sweeps.

    Attributes:
        sweeps: The sweep directories, as displayed.
        all: All runs. With several sweeps, the name of a run begins with the directory of its sweep.
    """

    sweeps: tuple[str, ...]
    all: tuple[RunDirectory, ...]

    @cached_property
    def completed(self) -> list[RunDirectory]:
        """The runs that have a result."""
        return [run for run in self.all if run.completed]

    @cached_property
    def failed(self) -> list[RunDirectory]:
        """The runs without a result: failed, unfinished or unreadable."""
        return [run for run in self.all if not run.completed]


def gather(sweeps: Sequence[Path]) -> Runs:
    """Read the runs in the directories `sweeps`."""
    names = tuple(str(short_path(sweep)) for sweep in sweeps)
    if len(sweeps) == 1:
        return Runs(names, tuple(find_runs(sweeps[0])))
    return Runs(
        names,
        tuple(
            replace(run, name=f"{name}/{run.name}")
            for sweep, name in zip(sweeps, names, strict=True)
            for run in find_runs(sweep)
        ),
    )


def short_path(path: Path) -> Path:
    """Return `path` relative to the working directory if it is below it, else the absolute path."""
    here, absolute = Path.cwd(), path.resolve()
    return absolute.relative_to(here) if absolute.is_relative_to(here) else absolute
