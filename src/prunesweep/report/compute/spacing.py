"""Places for labels on one axis, so that they do not overlap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import isotonic_regression


def spaced(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return new places from `low` to `high` that are at least `gap` apart, and as near to `places` as possible.

    The sum of the squared distances is the least: without rank times the gap, the new places are the isotonic
    regression of the old ones. If there is not enough space, the last labels are above `high`.

    Args:
        places: The places of labels.
        gap: The least distance between two labels.
        low: The least place.
        high: The largest place.
    """
    if not places:
        return []
    wanted = np.array(places)
    order = np.argsort(wanted, kind="stable")
    ranks = gap * np.arange(len(order))
    new = np.empty(len(order))
    regression = isotonic_regression(wanted[order] - ranks).x
    new[order] = np.maximum(np.minimum(regression, high - ranks[-1]), low) + ranks
    return new.tolist()
