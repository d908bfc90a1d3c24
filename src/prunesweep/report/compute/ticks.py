"""Round numbers for the ticks of axes, in lists of increasing density. The caller uses the densest list that fits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

ACCURACIES = (
    (99.9, 99, 90, 0),
    (99.9, 99.5, 99, 98, 95, 90, 80, 50, 0),
    (99.95, 99.9, 99.8, 99.7, 99.5, 99, 98, 97, 95, 90, 80, 50, 0),
    (
        *(99.95, 99.9, 99.85, 99.8, 99.7, 99.6, 99.5, 99.4, 99.3, 99.2, 99, 98.8, 98.5, 98, 97.5, 97),
        *(96, 95, 94, 92, 90, 85, 80, 70, 60, 50, 30, 0),
    ),
)
MULTIPLES = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7))
STEPS = (5, 10, 20, 40)
"""About how many even steps a list has."""


def log_ticks(low: float, high: float) -> list[list[float]]:
    """Return ticks for a logarithmic axis from `low` to `high`, both positive. Each list has at least two."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    listed = [[multiple * 10.0**power for power in powers for multiple in multiples] for multiples in MULTIPLES]
    levels = [[tick for tick in level if low <= tick <= high] for level in listed]
    return [level for level in [*levels, *even_ticks(low, high)] if len(level) > 1]


def error_ticks(low: float, high: float) -> list[list[float]]:
    """Return accuracies whose errors are between `low` and `high`, all in percent, for an axis of the logarithm."""
    levels = [[value for value in level if low <= 100 - value <= high] for level in ACCURACIES]
    even = even_ticks(100 - high, 100 - low)
    return [level for level in [*levels, *even] if len(level) > 1]


def fitting(levels: Sequence[Sequence[float]], place: Callable[[float], float], gap: float) -> list[float]:
    """Return the longest of the lists whose ticks are at least `gap` apart, or else the first one.

    Args:
        levels: Lists of ticks.
        place: Returns where a tick is on the axis.
        gap: The least distance of two ticks on the axis.
    """
    fit = [level for level in levels if all(abs(place(b) - place(a)) >= gap for a, b in pairwise(sorted(level)))]
    longest: Sequence[float] = max(fit or levels[:1], key=len, default=())
    return list(longest)


def even_ticks(low: float, high: float) -> list[list[float]]:
    """Return multiples of 1, 2 or 5 times a power of ten from `low` to `high`."""
    return [_multiples(low, high, count) for count in STEPS] if high > low else []


def _multiples(low: float, high: float, count: int) -> list[float]:
    rough = 0.999 * (high - low) / count
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * times for times in (1, 2, 5, 10) if unit * times >= rough)
    digits = max(0, -math.floor(math.log10(step)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, digits) for number in range(first, last + 1)]
