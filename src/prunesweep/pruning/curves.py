"""Curves along which the pruned fraction rises from 0 to its final value."""

from __future__ import annotations


def geometric(final: float, progress: float) -> float:
    """Return the fraction after `progress` in [0, 1] if the kept fraction falls by equal factors."""
    return final if progress == 1 else 1 - (1 - final) ** progress


def cubic(final: float, progress: float) -> float:
    """Return the fraction on a cubic curve, steep at first (Zhu & Gupta, "To prune, or not to prune", 2017, eq. 1)."""
    return final if progress == 1 else final * (1 - (1 - progress) ** 3)


def linear(final: float, progress: float) -> float:
    """Return the fraction if equal numbers of weights are pruned in equal steps."""
    return final * progress


CURVES = {function.__name__: function for function in (geometric, linear, cubic)}
