"""Experiments: runs that differ only in their seed, with means and standard deviations over seeds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from prunesweep.report.compute.costs import AXES
from prunesweep.report.compute.reference import Reference
from prunesweep.report.compute.settings import experiment_key
from prunesweep.results.run_directory import RunDirectory

Figure = Callable[[Mapping[str, Any]], float]


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation. The standard deviation of a single value is None."""

    mean: float
    sd: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of at least one value."""
        return cls(fmean(values), stdev(values) if len(values) > 1 else None)


@dataclass(frozen=True)
class Experiment:
    """Runs that differ only in their seed, or in the device and threads that they used.

    Attributes:
        runs: Indices of the distinct runs in `Runs.completed`.
        duplicates: Indices of further runs with the same digest as one of `runs`. They do not enter any figure.
        seeds: The number of different seeds.
        costs: Axis -> mean over the runs, None if a run does not contain it.
        val, test: Final accuracies over seeds.
        val_drop, test_drop: Dense minus final accuracy of the same run, over seeds.
        behind: By how much the validation accuracy of its dense networks is below that of the best dense network on its
            data set. 0 if all runs start from the same network.
        collapsed: The number of runs whose network collapsed: accuracy at chance, or a layer that no signal passes.
    """

    runs: tuple[int, ...]
    duplicates: tuple[int, ...]
    seeds: int
    costs: Mapping[str, float | None]
    val: Spread
    test: Spread
    val_drop: Spread
    test_drop: Spread
    behind: float
    collapsed: int

    @property
    def shortfall(self) -> float:
        """The mean drop of validation accuracy from the best dense network on its data set."""
        return self.val_drop.mean + self.behind


def experiments(runs: Sequence[RunDirectory]) -> list[Experiment]:
    """Group completed runs into experiments, in the order of their first runs.

    Runs with the same digest are the same run, for example in two sweeps. The first one counts. Settings that lead to
    the same digest are the same experiment: an amount has no effect with `prune=none`.
    """
    groups = _grouped(runs)
    members = [[runs[indices[0]] for indices in by_digest.values()] for by_digest in groups]
    datasets: dict[str, list[Sequence[RunDirectory]]] = defaultdict(list)
    for each in members:
        datasets[each[0].result["dataset"]].append(each)
    references = {name: Reference.of(settings) for name, settings in datasets.items()}
    return [
        _experiment(runs, by_digest, references[each[0].result["dataset"]].above(each))
        for by_digest, each in zip(groups, members, strict=True)
    ]


def duplicates(runs: Sequence[RunDirectory]) -> list[int]:
    """Return the indices of completed runs that repeat an earlier one: same experiment, same digest."""
    return sorted(index for by_digest in _grouped(runs) for indices in by_digest.values() for index in indices[1:])


def over_seeds(runs: Sequence[RunDirectory], figure: Figure) -> Spread:
    """Return the spread over seeds of a figure of the results. Runs with the same seed are averaged first."""
    by_seed: dict[int, list[float]] = defaultdict(list)
    for run in runs:
        by_seed[run.result["seed"]].append(figure(run.result))
    return Spread.of([fmean(values) for values in by_seed.values()])


def _grouped(runs: Sequence[RunDirectory]) -> list[dict[str, list[int]]]:
    """Return, for each experiment, its digests and the indices of the runs that have them."""
    keys = [experiment_key(run) for run in runs]
    first: dict[tuple[str, ...], int] = {}  # a network by its digest -> the first run that has it
    same = list(range(len(runs)))  # each run -> an earlier run of the same experiment, or itself
    of_key: dict[Any, int] = {}
    for index, run in enumerate(runs):
        network = tuple(run.result[name] for name in ("digest", "model", "dataset"))
        for earlier in (of_key.setdefault(keys[index], index), first.setdefault(network, index)):
            low, high = sorted((_root(same, earlier), _root(same, index)))
            same[high] = low
    groups: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, run in enumerate(runs):
        groups[_root(same, index)][run.result["digest"]].append(index)
    return list(groups.values())


def _root(same: list[int], index: int) -> int:
    """Return the first run of the experiment of `index`."""
    while same[index] != index:
        same[index] = same[same[index]]
        index = same[index]
    return index


def _experiment(runs: Sequence[RunDirectory], by_digest: Mapping[str, Sequence[int]], behind: float) -> Experiment:
    distinct = tuple(indices[0] for indices in by_digest.values())
    members = [runs[index] for index in distinct]
    return Experiment(
        runs=distinct,
        duplicates=tuple(index for indices in by_digest.values() for index in indices[1:]),
        seeds=len({run.result["seed"] for run in members}),
        costs={name: _mean([axis.cost(run.result) for run in members]) for name, axis in AXES.items()},
        val=over_seeds(members, _score("final", "val_accuracy")),
        test=over_seeds(members, _score("final", "test_accuracy")),
        val_drop=over_seeds(members, _drop("val_accuracy")),
        test_drop=over_seeds(members, _drop("test_accuracy")),
        behind=behind,
        collapsed=sum(bool(run.result.get("collapsed")) for run in members),
    )


def _score(point: str, name: str) -> Figure:
    return lambda result: float(result[point][name])


def _drop(name: str) -> Figure:
    return lambda result: float(result["dense"][name] - result["final"][name])


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if len(known) == len(values) else None
