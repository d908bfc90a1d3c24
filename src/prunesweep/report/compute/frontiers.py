"""What each cost trades for accuracy: frontiers, their knees, and how they vary with the seed.

Whatever chooses looks at validation accuracy: a frontier's members, its knee, the cheapest network within a limit, the
networks of a seed that an attainment surface is made of. What is then told of the chosen ones is test accuracy.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from prunesweep.report.compute.costs import AXES
from prunesweep.report.compute.gather import Run, Value
from prunesweep.report.compute.groups import Experiment, Spread
from prunesweep.results.pareto import attainment, hypervolume, knee, pareto

MOST_VALUES = 8
"""A setting with more values than these gets no frontier for each of them."""
CHANCE = 0.1
"""The accuracy of guessing, of ten classes as large as each other."""


@dataclass(frozen=True)
class Frontier:
    """What one axis trades for accuracy; members are indices of experiments, in the order of their cost, best first.

    Attributes:
        members: the Pareto set by mean validation accuracy.
        of_value: swept key -> value -> the Pareto set among the experiments with that value.
        choices: the Pareto set by mean drop of validation accuracy: the first one within a limit is the cheapest.
        knee: the member at which the frontier bends most.
        surfaces: share of the seeds, "all", "half" or "one" -> corners (cost, test accuracy).
    """

    members: list[int]
    of_value: dict[str, dict[str, list[int]]]
    choices: list[int]
    knee: int | None
    surfaces: dict[str, list[tuple[float, float]]]


def frontier(
    axis: str, own: Sequence[int], keys: Sequence[str], runs: Sequence[Run], experiments: Sequence[Experiment]
) -> Frontier:
    """The frontier of `axis` among the experiments `own`; for each of `keys` that takes few values, one for each."""
    known = [index for index in own if experiments[index].costs[axis] is not None]
    members = _cheapest(axis, known, [experiments[index].val.mean for index in known], experiments)
    bend = knee([_drawn(axis, experiments[index]) for index in members], (AXES[axis].more, False))
    return Frontier(
        members=members,
        of_value={
            key: _of_values(key, axis, known, runs, experiments) for key in keys if _few(key, known, runs, experiments)
        },
        choices=_cheapest(axis, known, [-experiments[index].val_drop.mean for index in known], experiments),
        knee=None if bend is None else members[bend],
        surfaces=_surfaces(axis, [runs[run] for index in known for run in experiments[index].runs]),
    )


def _senses(axis: str) -> tuple[bool, bool]:
    return (AXES[axis].more, True)


SMALLEST_ERROR = 1e-4
"""Stands for no error at all, which has no logarithm: one of 10,000 images."""


def _drawn(axis: str, experiment: Experiment) -> tuple[float, float]:
    """Cost and validation error as they are drawn: by their logarithms, but for a cost that counts from 0."""
    cost = experiment.costs[axis] or 0
    return math.log10(max(cost, 1)) if AXES[axis].log else cost, math.log10(
        max(1 - experiment.val.mean, SMALLEST_ERROR)
    )


def _cheapest(axis: str, known: Sequence[int], scores: Sequence[float], experiments: Sequence[Experiment]) -> list[int]:
    """The Pareto set of `known` by cost and score, the cheapest first."""
    points = [(experiments[index].costs[axis] or 0, score) for index, score in zip(known, scores, strict=True)]
    front = [index for index, kept in zip(known, pareto(points, _senses(axis)), strict=True) if kept]
    sign = -1 if AXES[axis].more else 1
    return sorted(front, key=lambda index: sign * (experiments[index].costs[axis] or 0))


def value_of(key: str, runs: Sequence[Run], experiment: Experiment) -> Value:
    """What `key` is set to in `experiment`."""
    return runs[experiment.runs[0]].settings.get(key)


def _few(key: str, known: Sequence[int], runs: Sequence[Run], experiments: Sequence[Experiment]) -> bool:
    return 1 < len({value_of(key, runs, experiments[index]) for index in known}) <= MOST_VALUES


def _of_values(
    key: str, axis: str, known: Sequence[int], runs: Sequence[Run], experiments: Sequence[Experiment]
) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for index in known:
        groups[str(value_of(key, runs, experiments[index]))].append(index)
    return {
        value: _cheapest(axis, group, [experiments[index].val.mean for index in group], experiments)
        for value, group in groups.items()
    }


def _chosen(axis: str, runs: Sequence[Run]) -> dict[int, list[tuple[float, float]]]:
    """Seed -> (cost, test accuracy) of the runs that its validation accuracies choose."""
    seeds: dict[int, list[tuple[float, Run]]] = defaultdict(list)
    for run in runs:
        cost = run.costs[axis]
        if cost is not None:
            seeds[run.fields["seed"]].append((cost, run))
    chosen = {}
    for seed, found in seeds.items():
        front = pareto([(cost, run.fields["final"]["val_accuracy"]) for cost, run in found], _senses(axis))
        chosen[seed] = [
            (cost, run.fields["final"]["test_accuracy"]) for (cost, run), kept in zip(found, front, strict=True) if kept
        ]
    return chosen


def _surfaces(axis: str, runs: Sequence[Run]) -> dict[str, list[tuple[float, float]]]:
    chosen = _chosen(axis, runs)
    if len(chosen) < 2:
        return {}
    points = [point for found in chosen.values() for point in found]
    seeds = [seed for seed, found in chosen.items() for _ in found]
    shares = {"one": 1 / len(chosen), "half": 0.5, "all": 1.0}
    return {
        name: [(float(x), float(y)) for x, y in attainment(points, seeds, share, _senses(axis))]
        for name, share in shares.items()
    }


def volume(runs: Sequence[Run]) -> Spread | None:
    """Over seeds: accuracy above chance x decades of parameters below the largest network, chosen by validation."""
    largest = max(run.fields["params_total"] for run in runs)
    chosen = _chosen("params_nonzero", runs)
    volumes = [
        hypervolume(
            [(math.log10(max(cost, 1)), test) for cost, test in found], (math.log10(largest), CHANCE), (False, True)
        )
        for found in chosen.values()
    ]
    return Spread.of(volumes) if volumes else None
