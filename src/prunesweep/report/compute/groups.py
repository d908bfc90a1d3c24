"""Runs that differ in nothing but their seed, taken together: means, and the spread over seeds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from prunesweep.report.compute.costs import AXES
from prunesweep.report.compute.gather import Run


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation; the deviation of a single value is None."""

    mean: float
    sd: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of at least one value."""
        return cls(fmean(values), stdev(values) if len(values) > 1 else None)


@dataclass(frozen=True)
class Experiment:
    """Runs that differ in nothing but their seed.

    Attributes:
        runs: their indices in `Runs.done`.
        costs: axis -> mean over the runs, None where a run does not tell.
        val, test: final accuracies.
        val_drop, test_drop: dense minus final accuracy of the same run.
    """

    runs: tuple[int, ...]
    costs: Mapping[str, float | None]
    val: Spread
    test: Spread
    val_drop: Spread
    test_drop: Spread


def experiments(runs: Sequence[Run]) -> list[Experiment]:
    """The experiments that `runs` repeat, in the order of their first runs."""
    groups: dict[Any, list[int]] = defaultdict(list)
    for index, run in enumerate(runs):
        groups[run.experiment].append(index)
    return [_experiment(runs, members) for members in groups.values()]


def _experiment(runs: Sequence[Run], members: Sequence[int]) -> Experiment:
    fields = [runs[index].fields for index in members]
    return Experiment(
        tuple(members),
        {axis: _mean([runs[index].costs[axis] for index in members]) for axis in AXES},
        *(Spread.of([run["final"][score] for run in fields]) for score in ("val_accuracy", "test_accuracy")),
        *(
            Spread.of([run["dense"][score] - run["final"][score] for run in fields])
            for score in ("val_accuracy", "test_accuracy")
        ),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if len(known) == len(values) else None
