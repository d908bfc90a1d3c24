"""Scales: where the values of a setting, or of a figure, are on an axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from prunesweep.report.compute.colors import in_order, is_number, text
from prunesweep.report.compute.ticks import error_ticks, even_ticks, log_ticks
from prunesweep.results.run_directory import Value

MAX_LISTED = 40
"""A number with more distinct values than this is continuous."""
MAX_TICKS = 12
"""Up to this number of distinct values, the ticks are these values."""
WIDE = 100
"""Positive numbers with a larger ratio than this have a logarithmic scale."""
MARGIN = 0.02


@dataclass(frozen=True)
class Scale:
    """The scale of an axis.

    Attributes:
        kind: `category` for names, `error` for accuracies in percent by the logarithm of their error.
        low, high: The ends of the axis: the numbers of the first and the last category, or percent.
        ticks: Lists of labeled values, of increasing density. Categories have none: each has its label.
        values: The distinct values as texts in their order. Empty for a continuous number.
    """

    kind: Literal["number", "log", "error", "category"]
    low: float
    high: float
    ticks: list[list[float]] = field(default_factory=list)
    values: list[str] = field(default_factory=list)


def setting_scale(column: Sequence[Value]) -> Scale:
    """Return the scale of a setting with these values."""
    distinct = [value for _, value in sorted({(type(value), value) for value in column}, key=in_order)]
    texts = [text(value) for value in distinct]
    if not all(is_number(value) and math.isfinite(value) for value in distinct):
        return Scale("category", 0, len(texts) - 1, values=texts)
    listed = texts if len(texts) <= MAX_LISTED else []
    return number_scale([float(each) for each in texts], listed)


def number_scale(numbers: Sequence[float], listed: Sequence[str] = ()) -> Scale:
    """Return a scale from the least to the largest number, logarithmic if they are positive and far apart."""
    low, high = min(numbers), max(numbers)
    log = low > 0 and high > WIDE * low
    ticks = _own_ticks(numbers) if 0 < len(listed) <= MAX_TICKS else (log_ticks if log else even_ticks)(low, high)
    return Scale("log" if log else "number", low, high, ticks, list(listed))


def _own_ticks(numbers: Sequence[float]) -> list[list[float]]:
    """Return the distinct numbers as ticks, then fewer of them."""
    distinct = sorted(set(numbers))
    return [[distinct[0], distinct[-1]], distinct[::2], distinct]


def size_scale(sizes: Sequence[float]) -> Scale:
    """Return a logarithmic scale of numbers of parameters. One without parameters is at the end, at 1."""
    low, high = max(1.0, min(sizes)), max(1.0, *sizes)
    return Scale("log", low, high, log_ticks(low, high) if high > low else [[low]])


def error_scale(accuracies: Sequence[float], floor: float) -> Scale:
    """Return a scale of accuracies in percent, by the logarithm of the error.

    Args:
        accuracies: In [0, 1].
        floor: The least error in percent. An error of 0 has no logarithm.
    """
    errors = [max(100 * (1 - accuracy), floor) for accuracy in accuracies]
    margin = (max(errors) / min(errors)) ** MARGIN
    low, high = min(errors) / margin, max(errors) * margin
    return Scale("error", 100 - high, 100 - low, error_ticks(low, high) if high > low else [[100 - low]])


def codes(column: Sequence[Value]) -> list[int]:
    """Return the number of the value of each element, in the order of the values."""
    distinct = sorted({(type(value), value) for value in column}, key=in_order)
    numbers = {pair: number for number, pair in enumerate(distinct)}
    return [numbers[type(value), value] for value in column]


def places(column: Sequence[Value], scale: Scale) -> list[float]:
    """Return the values as numbers on the scale: the logarithm for a logarithmic one, the number of a category."""
    if scale.kind == "category":
        return [float(code) for code in codes(column)]
    numbers = [float(value or 0) for value in column]
    return [math.log10(number) for number in numbers] if scale.kind == "log" else numbers
