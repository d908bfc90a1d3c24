"""Lines of the main chart: settings that differ only in one number, and the stages of iterative runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from prunesweep.report.compute.colors import text
from prunesweep.report.compute.costs import AXES, as_of_round
from prunesweep.report.compute.frontiers import value_of
from prunesweep.report.compute.groups import Experiment, Spread
from prunesweep.results.run_directory import RunDirectory

MAX_LINES = 24
"""More lines than this cross each other too often to be read. The chart then has frontiers only."""
AMOUNT = "prune.amount"


@dataclass(frozen=True)
class Line:
    """Experiments that differ only in one numeric setting, in the order of its values.

    Attributes:
        settings: The other settings in which lines differ.
    """

    settings: dict[str, str]
    experiments: list[int]


@dataclass(frozen=True)
class Stage:
    """An earlier round of the runs of an experiment. Its weights are not kept.

    Attributes:
        round: The number of the round, from 1.
        costs: Axis -> mean over the runs; None if a run does not contain it.
        val, test: Accuracies over seeds.
        collapsed: The number of runs whose network had collapsed in this round.
    """

    round: int
    costs: Mapping[str, float | None]
    val: Spread
    test: Spread
    collapsed: int


@dataclass(frozen=True)
class LineName:
    """The name of a line: the settings in which the lines of a chart differ.

    Attributes:
        short: Their values, such as `l1 iterative`.
        full: With their keys, such as `prune=l1 schedule=iterative`.
    """

    short: str
    full: str


def names(found: Sequence[Line]) -> list[LineName]:
    """Return the name of each line, empty if there is only one."""
    keys = [key for key in (found[0].settings if found else ()) if len({line.settings[key] for line in found}) > 1]
    return [
        LineName(" ".join(line.settings[key] for key in keys), " ".join(f"{key}={line.settings[key]}" for key in keys))
        for line in found
    ]


def lines(
    keys: Sequence[str], indices: Sequence[int], runs: Sequence[RunDirectory], experiments: Sequence[Experiment]
) -> list[Line]:
    """Return the lines of a grid, or nothing if the experiments `indices` do not form a few lines.

    The lines run along `prune.amount`, or else along the numeric setting that gives the fewest lines.
    """
    along = [key for key in keys if len({_number(key, runs, experiments[index]) for index in indices} - {None}) > 1]
    options = [_lines(key, keys, indices, runs, experiments) for key in sorted(along, key=lambda key: key != AMOUNT)]
    if not options:
        return []
    found = options[0] if AMOUNT in along else min(options, key=len)
    long = [line for line in found if len(line.experiments) > 1]
    covered = sum(len(line.experiments) for line in long)
    return long if len(long) <= MAX_LINES and 3 * covered > 2 * len(indices) else []


def _lines(
    along: str,
    keys: Sequence[str],
    indices: Sequence[int],
    runs: Sequence[RunDirectory],
    experiments: Sequence[Experiment],
) -> list[Line]:
    rest = [key for key in keys if key != along]
    groups: dict[tuple[str, ...], list[tuple[float, int]]] = defaultdict(list)
    for index in indices:
        position = _number(along, runs, experiments[index])
        if position is not None:
            name = tuple(text(value_of(key, runs, experiments[index])) for key in rest)
            groups[name].append((position, index))
    return [
        Line(dict(zip(rest, name, strict=True)), [index for _, index in sorted(members)])
        for name, members in groups.items()
    ]


def _number(key: str, runs: Sequence[RunDirectory], experiment: Experiment) -> float | None:
    value = value_of(key, runs, experiment)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def stages(experiment: Experiment, runs: Sequence[RunDirectory]) -> list[Stage]:
    """Return the rounds that all runs of an experiment have, the earliest first."""
    members = [runs[index].result for index in experiment.runs]
    return [_stage([(result, result["rounds"][at]) for result in members]) for at in range(_common_rounds(members))]


def _common_rounds(results: Sequence[Mapping[str, list[object]]]) -> int:
    return min(len(result["rounds"]) for result in results)


def _stage(pairs: Sequence[tuple[Mapping[str, object], dict[str, dict[str, float]]]]) -> Stage:
    points = [as_of_round(result, entry) for result, entry in pairs]
    costs = {name: [axis.cost(point) for point in points] for name, axis in AXES.items()}
    known = {name: [cost for cost in found if cost is not None] for name, found in costs.items()}
    return Stage(
        round=int(points[0]["round"]),
        costs={name: fmean(found) if len(found) == len(points) else None for name, found in known.items()},
        val=Spread.of([point["final"]["val_accuracy"] for point in points]),
        test=Spread.of([point["final"]["test_accuracy"] for point in points]),
        collapsed=sum(bool(entry.get("collapsed")) for _, entry in pairs),
    )
