"""The outcome of a trial, read from the directories of its runs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prunesweep.results.objectives import Objective
from prunesweep.results.run_directory import read_run
from prunesweep.results.tables import flat

NOTED = ("dense.val_accuracy", "final.val_accuracy", "param_reduction")
"""Fields of the result that the progress line needs in addition to the objectives."""


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


def directories(trial: int, seeds: Sequence[int]) -> dict[int, str]:
    """Return the directory of each run of a trial below the sweep's: `17`, or `17/seed=3` for several seeds."""
    return {seed: f"{trial}/seed={seed}" if len(seeds) > 1 else str(trial) for seed in seeds}


def outcome(sweep: Path, trial: int, seeds: Sequence[int], goals: Sequence[Objective]) -> Outcome:
    """Return the outcome of `trial`. It failed if one of its runs failed or an objective is not a finite number."""
    runs: dict[int, list[float]] = {}
    results = []
    for seed, directory in directories(trial, seeds).items():
        run = read_run(sweep / directory)
        if not run.completed:
            return Outcome({}, {}, run.error)
        try:
            runs[seed] = [goal.value(run.result) for goal in goals]
        except ArithmeticError as error:
            return Outcome({}, {}, str(error))
        results.append(run.result)
    return Outcome(runs, _noted(results, goals))


def _noted(results: Sequence[dict[str, Any]], goals: Sequence[Objective]) -> dict[str, float]:
    rows = [flat(result) for result in results]
    means = {name: statistics.fmean(row[name] for row in rows) for name in NOTED}
    return {**means, **{f"worst {goal.field}": goal.reference(results[0]) for goal in goals}}
