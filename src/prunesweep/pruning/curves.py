"""The steps that set masks: pruning, and epochs during which sparsity rises."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


def geometric(final: float, progress: float) -> float:
    """The fraction pruned when the kept fraction falls by the same factor in equal parts of the way to `final`."""
    return final if progress == 1 else 1 - (1 - final) ** progress


def cubic(final: float, progress: float) -> float:
    """Fast at first, slow in the end. Source: Zhu & Gupta, "To prune, or not to prune" (2017), eq. 1."""
    return final if progress == 1 else final * (1 - (1 - progress) ** 3)


def linear(final: float, progress: float) -> float:
    """The same number of weights in equal parts of the way."""
    return final * progress


CURVES = {function.__name__: function for function in (geometric, linear, cubic)}
