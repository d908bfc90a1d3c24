"""The area under a curve of accuracy against sparsity."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def mean_height(x: Sequence[float], y: Sequence[float]) -> float:
    """Return the area under a piecewise linear curve, divided by its width: the mean of `y` over the range of `x`.

    Args:
        x: At least two distinct values, in any order.
        y: The height at each of them.
    """
    points = sorted(zip(x, y, strict=True))
    trapezoids = ((right - left) * (low + high) / 2 for (left, low), (right, high) in pairwise(points))
    return sum(trapezoids) / (points[-1][0] - points[0][0])
