"""Importance: which settings of a sweep matter for the accuracy and the size of its networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from prunesweep.report.compute.forest import forest
from prunesweep.report.compute.frontiers import value_of
from prunesweep.report.compute.groups import Experiment
from prunesweep.report.compute.scales import codes, places, setting_scale
from prunesweep.report.compute.shares import Share, largest
from prunesweep.report.compute.variance import analysis
from prunesweep.results.run_directory import RunDirectory, Value

COVERED = 0.75
"""From which part of all combinations of values settings form a grid."""
MAX_LEVELS = 32
"""A setting of a grid has at most as many values."""
MIN_SETTINGS = 20
"""The least number of settings of a search from which a forest can learn."""
MAX_SAMPLE = 500
"""With more settings than this, the forest learns from a random sample. This limits the time."""
SMALLEST = 0.1
"""A sentence names only what causes at least this share."""

Column = list[Value]
Shares = list[Share]


@dataclass(frozen=True)
class Importance:
    """The shares of settings in the variance of accuracy and size.

    Attributes:
        method: `variance` for the analysis of variance of a grid, `forest` for fANOVA.
        used: How many runs of a grid, or settings of a search, entered the computation.
        of: How many there are.
        accuracy: Of the final validation accuracy. None if it does not vary.
        size: Of the logarithm of the parameters left. None if it does not vary.
        sentence: What matters most, in words.
    """

    method: Literal["variance", "forest"]
    used: int
    of: int
    accuracy: Shares | None
    size: Shares | None
    sentence: str


def importance(
    keys: Sequence[str], indices: Sequence[int], runs: Sequence[RunDirectory], experiments: Sequence[Experiment]
) -> Importance | None:
    """Return the importance of the settings `keys` for the experiments `indices`.

    Returns:
        None if fewer than two settings vary, or if there are too few runs.
    """
    columns = [[value_of(key, runs, experiments[index]) for index in indices] for key in keys]
    if len(keys) < 2:
        return None
    return _of_grid(keys, columns, indices, runs, experiments) or _of_search(keys, columns, indices, experiments)


def _of_grid(
    keys: Sequence[str],
    columns: Sequence[Column],
    indices: Sequence[int],
    runs: Sequence[RunDirectory],
    experiments: Sequence[Experiment],
) -> Importance | None:
    if not is_grid(columns):
        return None
    members = [(place, runs[run].result) for place, index in enumerate(indices) for run in experiments[index].runs]
    table = np.array([codes(column) for column in columns]).T[[place for place, _ in members]]
    accuracy = np.array([result["final"]["val_accuracy"] for _, result in members])
    size = _log([result["params_nonzero"] for _, result in members])
    found = [analysis(keys, table, measured) for measured in (accuracy, size)]
    return _importance("variance", (len(members), len(members)), found, len(keys))


def is_grid(columns: Sequence[Column]) -> bool:
    """Return whether settings take most of the combinations of their values. Failed runs leave gaps in a grid."""
    levels = [len(set(codes(column))) for column in columns]
    distinct = set(zip(*map(codes, columns), strict=True))
    return max(levels) <= MAX_LEVELS and len(distinct) >= COVERED * math.prod(levels)


def _of_search(
    keys: Sequence[str], columns: Sequence[Column], indices: Sequence[int], experiments: Sequence[Experiment]
) -> Importance | None:
    if len(indices) < MIN_SETTINGS:
        return None
    generator = np.random.default_rng(0)
    sample = np.sort(generator.permutation(len(indices))[:MAX_SAMPLE])
    scales = [setting_scale(column) for column in columns]
    table = np.array([places(column, scale) for column, scale in zip(columns, scales, strict=True)]).T[sample]
    categories = [len(scale.values) if scale.kind == "category" else 0 for scale in scales]
    members = [experiments[indices[place]] for place in sample]
    accuracy = np.array([one.val.mean for one in members])
    size = _log([one.costs["params_nonzero"] or 0 for one in members])
    found = [forest(keys, table, categories, measured) for measured in (accuracy, size)]
    return _importance("forest", (len(sample), len(indices)), found, len(keys))


def _log(sizes: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.log10(np.maximum(1.0, np.array(sizes, dtype=np.float64)))


def _importance(
    method: Literal["variance", "forest"], sample: tuple[int, int], found: Sequence[Shares | None], settings: int
) -> Importance | None:
    """Return the importance for the shares in accuracy and size, or None if none is known.

    The first `settings` shares are those of settings.
    """
    accuracy, size = found
    if accuracy is None and size is None:
        return None
    pairs = (("Validation accuracy", accuracy), ("Size", size))
    sentences = [_sentence(name, shares[:settings]) for name, shares in pairs if shares]
    return Importance(method, *sample, accuracy, size, " ".join(sentences))


def _sentence(name: str, settings: Shares) -> str:
    first = largest(settings)
    if first.share < SMALLEST:
        return f"{name} does not depend much on any single setting."
    low, high = f"{100 * first.low:.0f}", f"{100 * first.high:.0f}"
    interval = f" (95 % interval {low} to {high} %)" if low != high else ""
    rivals = [each.name for each in settings if each is not first and each.high >= first.low and each.share >= SMALLEST]
    verb = "the interval of {} overlaps" if len(rivals) == 1 else "the intervals of {} overlap"
    tied = f"; {verb.format(_listed(rivals))} with it" if rivals else ""
    return f"{name} depends most on {first.name}: {100 * first.share:.0f} % of its variance{interval}{tied}."


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
