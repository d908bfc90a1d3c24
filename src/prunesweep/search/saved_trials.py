"""The completed trials in the directory of a search, which may come from other people."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prunesweep.errors import MAX_COUNT, UsageError, printable
from prunesweep.files import read_inside, refuse_links
from prunesweep.results.objectives import Objective, objective
from prunesweep.results.plain_yaml import parse_yaml
from prunesweep.results.run_directory import SEARCH_RESULTS, TRIALS, RunDirectory, find_runs

MAX_SEARCH_RESULTS = 4 * 2**20
"""The largest size of `optimization_results.yaml` in bytes. A trial of the Pareto set needs less than 1 KiB."""
MAX_TRIALS = 64 * 2**20
"""The largest size of `trials.csv` in bytes. A trial with one seed needs about 200 bytes."""


@dataclass(frozen=True)
class SavedTrial:
    """A completed trial.

    Attributes:
        number: Its number.
        member: Whether it is in the Pareto set of the search.
        runs: Its runs, one per seed.
        images: The number of images in the validation split.
    """

    number: int
    member: bool
    runs: list[RunDirectory]
    images: int

    def values(self, goal: Objective) -> list[float]:
        """Return the value of an objective for each seed.

        Raises:
            UsageError: A result does not have it.
        """
        try:
            return [goal.value(run.result) for run in self.runs]
        except (ArithmeticError, LookupError, TypeError):
            raise UsageError(f"{self.runs[0].folder}: its result has no number {goal.field}.") from None

    def mean(self, goal: Objective) -> float:
        """Return the mean of an objective over the seeds."""
        return statistics.fmean(self.values(goal))


@dataclass(frozen=True)
class SavedSearch:
    """What is known of a search from its directory.

    Attributes:
        goals: The objectives.
        trials: The Pareto set, then the other completed trials, each by number.
        absent: How many completed trials outside of the Pareto set have no runs on this machine.
    """

    goals: list[Objective]
    trials: list[SavedTrial]
    absent: int


def read_search(sweep: Path) -> SavedSearch:
    """Return the search in the directory `sweep`.

    Raises:
        UsageError: There is no search or no completed trial, a trial of the Pareto set is not on this machine, or a
            directory is outside of `sweep`.
    """
    results = _results(sweep)
    members = dict(_pareto_set(sweep, results))
    if not members:
        raise UsageError(f"{sweep}: the search has no completed trial.")
    others = {number: name for number, name in _completed(sweep) if number not in members}
    runs = {number: _runs(sweep, name) for number, name in {**members, **others}.items()}
    for number, name in members.items():
        _check_present(sweep / name, runs[number])
    present = [number for number in others if runs[number] and all(run.completed for run in runs[number])]
    trials = [
        SavedTrial(number, number in members, runs[number], min(map(_images, runs[number])))
        for number in [*sorted(members), *sorted(present)]
    ]
    return SavedSearch(_goals(sweep, results), trials, len(others) - len(present))


def check_inside(sweep: Path, name: str | Path) -> None:
    """Raise `UsageError` if the path `name` below `sweep` leaves it or contains a symbolic link."""
    try:
        refuse_links(sweep, name)
    except ValueError as error:
        raise UsageError(f"{sweep}: the directory {printable(name)} {error}.") from None


def _runs(sweep: Path, directory: str) -> list[RunDirectory]:
    check_inside(sweep, directory)
    return find_runs(sweep / directory)


def _check_present(folder: Path, runs: list[RunDirectory]) -> None:
    if not runs:
        raise UsageError(f"{folder}: does not exist. The directories of trials are on the machine that ran them.")
    for run in runs:
        if not run.completed:
            raise UsageError(f"{run.folder}: did not complete ({printable(run.error)}).")


def _read(sweep: Path, name: str, limit: int) -> str:
    try:
        return read_inside(sweep, name, limit).decode()
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(
            f"{sweep}: does not contain {name}. Give the directory of a search, such as multirun/NAME."
        ) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{sweep / name}: cannot be read ({error}).") from error


def _results(sweep: Path) -> dict[str, Any]:
    text = _read(sweep, SEARCH_RESULTS, MAX_SEARCH_RESULTS)
    try:
        values = parse_yaml(text)
    except ValueError as error:
        raise UsageError(f"{sweep / SEARCH_RESULTS}: cannot be read ({error}).") from error
    return values if isinstance(values, dict) else {}


def _pareto_set(sweep: Path, results: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """Yield the number and the directory of each trial of the Pareto set."""
    rows, trials = results.get("pareto"), set()
    for row in rows if isinstance(rows, list) else [None]:
        trial, directory = (row.get("trial"), row.get("directory")) if isinstance(row, dict) else (None, None)
        if type(trial) is int and trial >= 0 and isinstance(directory, str | int) and trial not in trials:
            trials.add(trial)
            yield trial, str(directory)
        else:
            raise UsageError(
                f"{sweep / SEARCH_RESULTS}: 'pareto' is not a list of trials, each with its own number and a directory."
            )


def _goals(sweep: Path, results: dict[str, Any]) -> list[Objective]:
    names = results.get("objectives")
    if not isinstance(names, dict) or not names or not all(isinstance(name, str) for name in names):
        raise UsageError(f"{sweep / SEARCH_RESULTS}: 'objectives' does not contain the objectives of the search.")
    return [objective(name) for name in names]


def _completed(sweep: Path) -> Iterator[tuple[int, str]]:
    """Yield the number and the directory of each completed trial in `trials.csv`."""
    try:
        rows = list(csv.DictReader(_read(sweep, TRIALS, MAX_TRIALS).splitlines()))
    except csv.Error as error:
        raise UsageError(f"{sweep / TRIALS}: cannot be read ({error}).") from error
    for row in rows:
        if row.get("status") != "completed":
            continue
        number, directory = row.get("trial") or "", row.get("directory")
        if not (number.isascii() and number.isdecimal() and len(number) <= 10 and directory):
            raise UsageError(f"{sweep / TRIALS}: has a completed trial without a number or a directory.")
        yield int(number), directory


def _images(run: RunDirectory) -> int:
    """Return the number of images in the validation split of `run`. Older releases recorded only the setting."""
    sizes = run.result.get("examples")
    images = run.settings.get("dataset.validation") if sizes is None else sizes["validation"]
    if not isinstance(images, int) or not 1 <= images <= MAX_COUNT:
        raise UsageError(
            f"{run.folder}: the number of validation images is not recorded, so its accuracy has no interval."
        )
    return images
