"""The outcome of a trial, read from the directories of its runs."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prunesweep.config import RunConfig
from prunesweep.files import read_inside
from prunesweep.results.flatten import leaves
from prunesweep.results.objectives import Objective
from prunesweep.results.plain_yaml import parse_yaml
from prunesweep.results.run_directory import CONFIG, MAX_CONFIG, read_run
from prunesweep.results.tables import flat
from prunesweep.roles import Role, role_of

NOTED = ("dense.val_accuracy", "final.val_accuracy", "param_reduction", "params_nonzero")
"""Fields of the result that the progress line needs in addition to the objectives."""


@dataclass(frozen=True)
class TrialRun:
    """A run of a trial.

    Attributes:
        seed: Its seed.
        overrides: The searched keys with their values, and the seed if the trial has several runs.
        directory: Its directory below the sweep's.
    """

    seed: int
    overrides: tuple[str, ...]
    directory: str


@dataclass(frozen=True)
class Outcome:
    """The outcome of a trial.

    Attributes:
        runs: The values of the objectives, by seed.
        noted: Means over the seeds of the fields in `NOTED`, and the worst value of each objective.
        reason: Why the trial failed, or None if it has values.
    """

    runs: dict[int, list[float]]
    noted: dict[str, float]
    reason: str | None = None

    @property
    def values(self) -> list[float]:
        """The mean of each objective over the seeds."""
        return [statistics.fmean(column) for column in zip(*self.runs.values(), strict=True)]

    @property
    def deviations(self) -> list[float]:
        """The standard deviation of each objective over the seeds; 0 for a single seed."""
        columns = zip(*self.runs.values(), strict=True)
        return [statistics.stdev(column) if len(column) > 1 else 0.0 for column in columns]


def outcome(sweep: Path, runs: Sequence[TrialRun], goals: Sequence[Objective]) -> Outcome:
    """Return the outcome of the trial with these `runs`, which are in the directory `sweep`.

    The trial failed if one of its runs failed, an objective is not a finite number, or a directory contains the result
    of a run with other overrides.
    """
    values: dict[int, list[float]] = {}
    results = []
    for each in runs:
        run = read_run(sweep / each.directory)
        if not run.completed:
            return Outcome({}, {}, run.error)
        if not {*each.overrides} <= {*run.overrides} or run.result["seed"] != each.seed:
            return Outcome({}, {}, f"{sweep / each.directory}: contains the result of another run")
        try:
            values[each.seed] = [goal.value(run.result) for goal in goals]
        except ArithmeticError as error:
            return Outcome({}, {}, str(error))
        except (LookupError, TypeError):
            return Outcome({}, {}, f"result.json: has no number {' or '.join(goal.field for goal in goals)}")
        results.append(run.result)
    return Outcome(values, _noted(results, goals))


def has_settings(folder: Path, expected: Mapping[str, Any]) -> bool:
    """Return whether the settings that a run saved in `folder` are the `expected` ones.

    Args:
        folder: The directory of a run.
        expected: The complete settings, nested, with interpolations that are not resolved. Those that do not change the
            experiment are ignored.
    """
    try:
        saved = parse_yaml(read_inside(folder, CONFIG, MAX_CONFIG).decode())
    except (OSError, ValueError):
        return False
    return isinstance(saved, dict) and _experiment(saved) == _experiment(expected)


def _experiment(settings: Mapping[str, Any]) -> dict[str, Any]:
    roles = (Role.EXPERIMENT, Role.REPETITION)
    return {key: value for key, value in leaves(dict(settings)) if role_of(RunConfig, key) in roles}


def _noted(results: Sequence[dict[str, Any]], goals: Sequence[Objective]) -> dict[str, float]:
    rows = [flat(result) for result in results]
    means = {name: statistics.fmean(row[name] for row in rows) for name in NOTED}
    return {**means, **{f"worst {goal.field}": goal.reference(results[0]) for goal in goals}}
