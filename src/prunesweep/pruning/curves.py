"""Curves along which the pruned fraction rises from 0 to its final value."""

from __future__ import annotations

import math

STEEPNESS = 5
"""Of the exponential curve: 92 % of the rise takes place in the first half."""


def geometric(final: float, progress: float) -> float:
    """Return `1 - (1 - final)^progress`: the kept fraction falls by equal factors.

    Half of the way keeps the square root of the final kept fraction.

    Args:
        final: The fraction at the end, in [0, 1].
        progress: The part of the way, in [0, 1].
    """
    return final if progress == 1 else 1 - (1 - final) ** progress


def cubic(final: float, progress: float) -> float:
    """Return `final (1 - (1 - progress)^3)`, steep at first.

    Source: Zhu & Gupta, "To prune, or not to prune" (2017), eq. 1 with an initial fraction of 0.
    """
    return final if progress == 1 else final * (1 - (1 - progress) ** 3)


def linear(final: float, progress: float) -> float:
    """Return `final progress`: equal numbers of weights are pruned in equal steps."""
    return final * progress


def exponential(final: float, progress: float) -> float:
    """Return `final (1 - e^(-5 progress)) / (1 - e^-5)`, at first steeper than the cubic curve."""
    return final if progress == 1 else final * math.expm1(-STEEPNESS * progress) / math.expm1(-STEEPNESS)


CURVES = {function.__name__: function for function in (geometric, linear, cubic, exponential)}
