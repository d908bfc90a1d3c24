"""What a trial's runs came to, read from what they left in its directory."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prunesweep.results.objectives import Objective
from prunesweep.results.run_directory import read_result
from prunesweep.results.tables import flat

SHOWN = ("dense.val_accuracy", "final.val_accuracy", "param_reduction")
"""What is noted of each trial beside its objectives."""


@dataclass(frozen=True)
class Outcome:
    """Of one trial.

    Attributes:
        runs: for each seed, the objectives' values.
        noted: means of what is noted beside them, the objectives' references among it.
        reason: why there are no values.
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
        """The standard deviation of each objective over the seeds; 0 for one seed alone."""
        columns = zip(*self.runs.values(), strict=True)
        return [statistics.stdev(column) if len(column) > 1 else 0.0 for column in columns]


def places(trial: int, seeds: Sequence[int]) -> dict[int, str]:
    """The directory of each run of a trial below the sweep's, by seed: `17`, or `17/seed=3` where there are several."""
    return {seed: f"{trial}/seed={seed}" if len(seeds) > 1 else str(trial) for seed in seeds}


def outcome(sweep: Path, trial: int, seeds: Sequence[int], goals: Sequence[Objective]) -> Outcome:
    """Read the results of the runs of `trial`; one that failed, or is no finite number, fails the whole."""
    runs: dict[int, list[float]] = {}
    results = []
    for seed, place in places(trial, seeds).items():
        result = read_result(sweep / place)
        if result["status"] != "completed":
            return Outcome({}, {}, str(result.get("error")))
        try:
            runs[seed] = [goal.value(result) for goal in goals]
        except ArithmeticError as error:
            return Outcome({}, {}, str(error))
        results.append(result)
    return Outcome(runs, _noted(results, goals))


def _noted(results: Sequence[dict[str, Any]], goals: Sequence[Objective]) -> dict[str, float]:
    noted = {name: statistics.fmean(flat(result)[name] for result in results) for name in SHOWN}
    return {**noted, **{f"worst {goal.field}": goal.reference(results[0]) for goal in goals}}
