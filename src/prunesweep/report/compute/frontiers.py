"""Frontiers of accuracy against cost, their knees, and how they vary over seeds.

Networks are selected by validation accuracy only: the members of a frontier, its knee, the cheapest network within a
limit, and the networks of each seed in an attainment surface. Test accuracy is reported for the selected networks and
never used to select them.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from prunesweep.errors import UsageError
from prunesweep.report.compute.costs import AXES
from prunesweep.report.compute.groups import Experiment
from prunesweep.results.objectives import Objective, SearchSettings
from prunesweep.results.pareto import attainment, hypervolume, knee, pareto
from prunesweep.results.run_directory import RunDirectory, Value

MAX_VALUES = 8
"""A setting with more values than this gets no frontier per value."""
SMALLEST_ERROR = 1e-4
"""Replaces an error of zero, which has no logarithm: one of 10,000 images."""


@dataclass(frozen=True)
class Frontier:
    """The frontier of accuracy against one cost. Its members are indices of experiments, the cheapest first.

    Attributes:
        members: The Pareto set by mean validation accuracy.
        of_value: Setting -> pairs of a value and the Pareto set of the experiments with that value.
        choices: The Pareto set by mean drop of validation accuracy from the best dense network. Its first member within
            a limit is the cheapest experiment within that limit.
        knee: The member at which the frontier bends most, or None.
        surfaces: Share of the seeds (`one`, `half`, `all`) -> corners (cost, test accuracy) of the attainment surface.
    """

    members: list[int]
    of_value: dict[str, list[tuple[Value, list[int]]]]
    choices: list[int]
    knee: int | None
    surfaces: dict[str, list[tuple[float, float]]]


def frontier(
    axis: str,
    candidates: Iterable[int],
    keys: Sequence[str],
    runs: Sequence[RunDirectory],
    experiments: Sequence[Experiment],
) -> Frontier:
    """Return the frontier for the cost `axis`.

    Args:
        axis: A key of `AXES`.
        candidates: Indices of the experiments to compare. Those without a known cost are left out.
        keys: Settings for which to compute one frontier per value, if they have few values.
        runs: All completed runs.
        experiments: All experiments.
    """
    known = [index for index in candidates if experiments[index].costs[axis] is not None]
    members = _by_validation(axis, known, experiments)
    drawn = [_as_drawn(axis, experiments[index]) for index in members]
    bend = None if AXES[axis].timed else knee(drawn, (AXES[axis].more, False))
    return Frontier(
        members=members,
        of_value={
            key: [(value, _by_validation(axis, group, experiments)) for (_, value), group in groups.items()]
            for key in keys
            if 1 < len(groups := _by_value(key, known, runs, experiments)) <= MAX_VALUES
        },
        choices=_pareto_set(axis, known, [-experiments[index].shortfall for index in known], experiments),
        knee=None if bend is None else members[bend],
        surfaces=_surfaces(axis, [runs[run] for index in known for run in experiments[index].runs]),
    )


@dataclass(frozen=True)
class Hypervolume:
    """The hypervolume of the settings of one data set, as `optimization_results.yaml` of a search contains it.

    Attributes:
        value: The volume between the Pareto set and the reference, in the units of the objectives.
        goals: The names of the objectives.
        reference: The worst value of each objective.
    """

    value: float
    goals: tuple[str, ...]
    reference: tuple[float, ...]


def volume(indices: Iterable[int], runs: Sequence[RunDirectory], experiments: Sequence[Experiment]) -> Hypervolume:
    """Return the hypervolume of means over seeds, by the objectives of the search that made the runs.

    Runs of a grid, or of searches with different objectives, are compared by validation accuracy and parameter
    reduction, the default objectives.
    """
    members = [[runs[run] for run in experiments[index].runs] for index in indices]
    goals = goals_of([run for group in members for run in group])
    reference = tuple(goal.reference(members[0][0].result) for goal in goals)
    points = [[fmean(goal.value(run.result) for run in group) for goal in goals] for group in members]
    value = hypervolume(points, reference, [goal.maximize for goal in goals])
    return Hypervolume(value, tuple(goal.field for goal in goals), reference)


def goals_of(runs: Sequence[RunDirectory]) -> list[Objective]:
    """Return the objectives of the search, if all runs have the same and each has a value for every run."""
    named = {str(run.settings.get("search.objectives", "")).strip("[]") for run in runs}
    try:
        goals = SearchSettings(objectives=[name.strip() for name in named.pop().split(",")]).goals
        if named or not all(math.isfinite(goal.value(run.result)) for goal in goals for run in runs):
            return SearchSettings().goals
    except (UsageError, ArithmeticError, KeyError, TypeError):  # also files of older releases and of other people
        return SearchSettings().goals
    return goals


def value_of(key: str, runs: Sequence[RunDirectory], experiment: Experiment) -> Value:
    """Return the value of the setting `key` in an experiment."""
    return runs[experiment.runs[0]].settings.get(key)


def _maximize(axis: str) -> tuple[bool, bool]:
    return (AXES[axis].more, True)


def _as_drawn(axis: str, experiment: Experiment) -> tuple[float, float]:
    """Return cost and validation error on the scales of the chart. Errors are drawn by their logarithm."""
    cost = experiment.costs[axis] or 0
    error = max(1 - experiment.val.mean, SMALLEST_ERROR)
    return math.log10(max(cost, 1)) if AXES[axis].log else cost, math.log10(error)


def _by_validation(axis: str, indices: Sequence[int], experiments: Sequence[Experiment]) -> list[int]:
    return _pareto_set(axis, indices, [experiments[index].val.mean for index in indices], experiments)


def _pareto_set(
    axis: str, indices: Sequence[int], scores: Sequence[float], experiments: Sequence[Experiment]
) -> list[int]:
    """Return the experiments that are not dominated in cost and score, the cheapest first."""
    points = [(experiments[index].costs[axis] or 0, score) for index, score in zip(indices, scores, strict=True)]
    front = [index for index, kept in zip(indices, pareto(points, _maximize(axis)), strict=True) if kept]
    sign = -1 if AXES[axis].more else 1
    return sorted(front, key=lambda index: sign * (experiments[index].costs[axis] or 0))


def _by_value(
    key: str, indices: Sequence[int], runs: Sequence[RunDirectory], experiments: Sequence[Experiment]
) -> dict[tuple[type, Value], list[int]]:
    """Return the experiments with each value. Its type is part of the key: in Python, 1 equals True."""
    groups: dict[tuple[type, Value], list[int]] = defaultdict(list)
    for index in indices:
        value = value_of(key, runs, experiments[index])
        groups[type(value), value].append(index)
    return groups


def _selected_by_seed(axis: str, runs: Sequence[RunDirectory]) -> dict[int, list[tuple[float, float]]]:
    """Return, for each seed, cost and test accuracy of the runs on its Pareto set by validation accuracy."""
    candidates: dict[int, list[tuple[float, RunDirectory]]] = defaultdict(list)
    for run in runs:
        cost = AXES[axis].cost(run.result)
        if cost is not None:
            candidates[run.result["seed"]].append((cost, run))
    selected = {}
    for seed, pairs in candidates.items():
        front = pareto([(cost, run.result["final"]["val_accuracy"]) for cost, run in pairs], _maximize(axis))
        selected[seed] = [
            (cost, run.result["final"]["test_accuracy"]) for (cost, run), kept in zip(pairs, front, strict=True) if kept
        ]
    return selected


def _surfaces(axis: str, runs: Sequence[RunDirectory]) -> dict[str, list[tuple[float, float]]]:
    selected = _selected_by_seed(axis, runs)
    if len(selected) < 2:
        return {}
    points = [point for pairs in selected.values() for point in pairs]
    seeds = [seed for seed, pairs in selected.items() for _ in pairs]
    shares = {"one": 1 / len(selected), "half": 0.5, "all": 1.0}
    return {
        name: [(float(x), float(y)) for x, y in attainment(points, seeds, share, _maximize(axis))]
        for name, share in shares.items()
    }
