"""Trade-offs between two or more figures, as pure functions: arrays in, arrays out.

An array of points has the shape [points, objectives]; `maximize` says of each objective whether more of it is better.
A point with a NaN takes part in nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import moocore
import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def pareto(points: ArrayLike, maximize: Sequence[bool]) -> Mask:
    """Which of `points` no other dominates: is at least as good in every objective and better in one.

    Args:
        points: [points, objectives]; of equal points all are kept or none.
        maximize: one for each objective.

    Returns:
        A boolean mask, [points].
    """
    costs = _costs(points, maximize)
    whole = ~np.isnan(costs).any(axis=1)
    mask = np.zeros(len(costs), dtype=bool)
    if whole.any():
        mask[whole] = moocore.is_nondominated(costs[whole], keep_weakly=True)
    return mask


def hypervolume(points: ArrayLike, reference: Sequence[float], maximize: Sequence[bool]) -> float:
    """The volume between `points` and `reference` that at least one point dominates; a larger one is better.

    Args:
        points: [points, objectives]; one that is not better than `reference` in every objective adds nothing.
        reference: one value for each objective; the unit of the result is the product of the objectives' units.
        maximize: one for each objective.
    """
    costs = _costs(points, maximize)
    whole = costs[~np.isnan(costs).any(axis=1)]
    return float(moocore.hypervolume(whole, ref=_costs([reference], maximize)[0])) if len(whole) else 0.0


def knee(points: ArrayLike, maximize: Sequence[bool]) -> int | None:
    """The index of the point at which a frontier bends most, or None where it does not bend.

    Of the Pareto points, both objectives scaled to [0, 1] over them, the one that lies farthest on the good side of the
    line between the two ends (the distance of Satopää et al., "Finding a kneedle in a haystack", 2011).

    Args:
        points: [points, 2]; scale the objectives beforehand as they are to be drawn, a count by its logarithm say.
        maximize: one for each objective.
    """
    costs = _costs(points, maximize)
    front = np.flatnonzero(pareto(points, maximize))
    if len(front) < 3:
        return None
    low, high = costs[front].min(axis=0), costs[front].max(axis=0)
    if (low == high).any():
        return None
    depth = 1 - ((costs[front] - low) / (high - low)).sum(axis=1)  # 0 on the line, > 0 below it, where both are low
    best = int(depth.argmax())
    return int(front[best]) if depth[best] > 1e-9 else None


def smallest_within(cost: ArrayLike, loss: ArrayLike, limit: float) -> int | None:
    """The index of the lowest `cost` among those whose `loss` is at most `limit`; of equal costs the lowest loss.

    Args:
        cost: [points], parameters left say.
        loss: [points], what accuracy was lost, say.
        limit: in the unit of `loss`.
    """
    costs, losses = np.asarray(cost, float), np.asarray(loss, float)
    allowed = np.flatnonzero((losses <= limit) & ~np.isnan(costs))
    if not len(allowed):
        return None
    return int(allowed[np.lexsort((losses[allowed], costs[allowed]))[0]])


def attainment(points: ArrayLike, sets: ArrayLike, share: float, maximize: Sequence[bool]) -> Floats:
    """The corners of the empirical attainment surface: what at least `share` of the sets attain.

    A set attains a point if one of its own is at least as good in every objective (Grunert da Fonseca et al. 2001).

    Args:
        points: [points, objectives].
        sets: [points], the set of each point; a seed, say.
        share: in (0, 1]: 0.5 gives the median surface, 1 what every set attains.
        maximize: one for each objective.

    Returns:
        [corners, objectives], none dominated by another, in rising order of the first objective.
    """
    costs, labels = _costs(points, maximize), np.asarray(sets)
    whole = ~np.isnan(costs).any(axis=1)
    if not whole.any():
        return np.empty((0, len(maximize)))
    numbers = np.unique(labels[whole], return_inverse=True)[1]
    order = np.argsort(numbers, kind="stable")  # moocore takes the sets one after the other
    surface = moocore.eaf(costs[whole][order], numbers[order] + 1, percentiles=[100 * share])[:, :-1]
    corners = _costs(surface, maximize)
    return corners[np.argsort(corners[:, 0], kind="stable")]


def _costs(points: ArrayLike, maximize: Sequence[bool]) -> Floats:
    """`points` with the sign of each maximised objective turned, so that less is better everywhere; its own inverse."""
    array = np.asarray(points, float).reshape(-1, len(maximize))
    return array * np.where(np.asarray(maximize), -1.0, 1.0)
