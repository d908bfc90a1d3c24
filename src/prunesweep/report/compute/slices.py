"""Slices: accuracy and size against each setting, and the axes on which the settings are drawn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, geometric_mean

from prunesweep.report.compute.colors import text
from prunesweep.report.compute.frontiers import value_of
from prunesweep.report.compute.groups import Experiment
from prunesweep.report.compute.importance import Importance, importance
from prunesweep.report.compute.scales import Scale, error_scale, setting_scale, size_scale
from prunesweep.results.run_directory import RunDirectory

MIN_SETTINGS = 4
"""Fewer settings show nothing that the table does not show."""
MIN_AVERAGED = 2
"""How many settings a value has on average at least. Means of single settings show nothing but their noise."""
DEFAULT_IMAGES = 10_000
"""The number of validation images if it is unknown."""


@dataclass(frozen=True)
class Level:
    """The settings with the same value of one key.

    Attributes:
        value: The value as text.
        count: The number of settings.
        val: The mean validation accuracy.
        size: The geometric mean of the parameters left.
    """

    value: str
    count: int
    val: float
    size: float


@dataclass(frozen=True)
class Slice:
    """One key, and the means for each of its values. A number with hardly any value twice has no means."""

    key: str
    scale: Scale
    levels: list[Level]


@dataclass(frozen=True)
class Mattered:
    """What mattered in a sweep.

    Attributes:
        slices: The varied settings, in the order of the table.
        accuracy, size: The scales of validation accuracy, in percent, and of the parameters left.
        importance: None if there are too few runs.
    """

    slices: list[Slice]
    accuracy: Scale
    size: Scale
    importance: Importance | None


def mattered(
    keys: Sequence[str],
    indices: Sequence[int],
    runs: Sequence[RunDirectory],
    experiments: Sequence[Experiment],
    images: int | None,
) -> Mattered | None:
    """Return what mattered for the experiments `indices`, or None if fewer than two settings vary, or for few settings.

    Args:
        keys: The settings in which the experiments differ.
        indices: The experiments of one data set.
        runs: All completed runs.
        experiments: All experiments.
        images: The number of validation images.
    """
    members = [experiments[index] for index in indices]
    found = [_slice(key, runs, members) for key in keys]
    varying = [each for each in found if each.scale.high > each.scale.low]
    if len(varying) < 2 or len(members) < MIN_SETTINGS:
        return None
    return Mattered(
        slices=varying,
        accuracy=error_scale([one.val.mean for one in members], 50 / (images or DEFAULT_IMAGES)),
        size=size_scale([one.costs["params_nonzero"] or 0 for one in members]),
        importance=importance([each.key for each in varying], indices, runs, experiments),
    )


def _slice(key: str, runs: Sequence[RunDirectory], members: Sequence[Experiment]) -> Slice:
    values = [value_of(key, runs, one) for one in members]
    scale = setting_scale(values)
    groups: dict[str, list[Experiment]] = defaultdict(list)
    for value, one in zip(values, members, strict=True):
        groups[text(value)].append(one)
    averaged = len(members) >= MIN_AVERAGED * len(groups)
    return Slice(key, scale, [_level(value, groups[value]) for value in scale.values] if averaged else [])


def _level(value: str, members: Sequence[Experiment]) -> Level:
    return Level(value, len(members), fmean(one.val.mean for one in members), _mean_size(members))


def _mean_size(members: Sequence[Experiment]) -> float:
    return geometric_mean(max(1.0, one.costs["params_nonzero"] or 0) for one in members)
