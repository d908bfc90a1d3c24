"""Groups of experiments by the value of a setting, for the colors of the charts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

from prunesweep.report.compute.frontiers import value_of
from prunesweep.report.compute.groups import Experiment
from prunesweep.results.run_directory import RunDirectory, Value

MAX_GROUPS = 8
"""More colors than this are hard to distinguish."""


@dataclass(frozen=True)
class Group:
    """Experiments of one color.

    Attributes:
        label: The value of the setting, as written in YAML, or `others`.
        experiments: Indices of the experiments.
    """

    label: str
    experiments: list[int]


@dataclass(frozen=True)
class Coloring:
    """How a setting colors the experiments.

    Attributes:
        groups: One group for each value. If there are many values, the smaller groups form a group `others`.
        scale: For a number with many values: the value of each experiment in place of groups, in their order.
    """

    groups: list[Group]
    scale: list[float] | None = None


def coloring(
    key: str, indices: Sequence[int], runs: Sequence[RunDirectory], experiments: Sequence[Experiment]
) -> Coloring:
    """Return how the setting `key` colors the experiments `indices`.

    Values of different types differ: in Python, 1 and 1.0 and True are equal, but not in a configuration.
    """
    by_value: dict[tuple[type, Value], list[int]] = defaultdict(list)
    for index in indices:
        value = value_of(key, runs, experiments[index])
        by_value[type(value), value].append(index)
    if len(by_value) > MAX_GROUPS and all(is_number(value) for _, value in by_value):
        values = [value_of(key, runs, experiments[index]) for index in indices]
        return Coloring([Group("", list(indices))], [value for value in values if isinstance(value, int | float)])
    groups = [Group(text(value), by_value[kind, value]) for kind, value in sorted(by_value, key=in_order)]
    if len(groups) > MAX_GROUPS:
        groups.sort(key=lambda group: -len(group.experiments))
        rest = [index for group in groups[MAX_GROUPS - 1 :] for index in group.experiments]
        groups = [*groups[: MAX_GROUPS - 1], Group("others", rest)]
    return Coloring(groups)


def default_key(keys: Sequence[str], runs: Sequence[RunDirectory]) -> str:
    """Return the first setting with a few values of which none is a number; without one, an empty text."""
    for key in keys:
        distinct = {(type(value), value) for value in (run.settings.get(key) for run in runs)}
        if 1 < len(distinct) <= MAX_GROUPS and not any(is_number(value) for _, value in distinct):
            return key
    return ""


def text(value: Value) -> str:
    """Return a value as it is written in YAML: `true`, `null`, `1.0`."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:.6g}" if isinstance(value, float) and not value.is_integer() else str(value)


def is_number(value: Value) -> TypeGuard[int | float]:
    """Return whether a value is a number. In Python, booleans are integers."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def in_order(pair: tuple[type, Value]) -> tuple[bool, float, str]:
    """Return a sort key of pairs of type and value: numbers by size, then the others by their text."""
    value = pair[1]
    return not is_number(value), float(value) if isinstance(value, int | float) else 0.0, text(value)
