"""Pareto sets and related quantities, as functions of arrays.

Points have the shape [points, objectives]. `maximize` contains one bool per objective: whether larger values are
better. Points with a NaN are ignored.
"""

from __future__ import annotations

from collections.abc import Sequence

import moocore
import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def pareto(points: ArrayLike, maximize: Sequence[bool]) -> Mask:
    """Return which points are not dominated.

    A point is dominated if another one is at least as good in every objective and better in at least one. Equal points
    do not dominate each other.

    Args:
        points: [points, objectives].
        maximize: One bool per objective.

    Returns:
        A boolean mask, [points].
    """
    costs = _costs(points, maximize)
    valid = ~np.isnan(costs).any(axis=1)
    mask = np.zeros(len(costs), dtype=bool)
    if valid.any():
        mask[valid] = moocore.is_nondominated(costs[valid], keep_weakly=True)
    return mask


def ranks(points: ArrayLike, maximize: Sequence[bool]) -> list[int]:
    """Return the non-dominated rank of each point: 0 for the Pareto set, 1 for that of the other points, and so on.

    Args:
        points: [points, objectives], at least one point, without NaN.
        maximize: One bool per objective.
    """
    return [int(rank) for rank in moocore.pareto_rank(_costs(points, maximize))]


def hypervolume(points: ArrayLike, reference: Sequence[float], maximize: Sequence[bool]) -> float:
    """Return the volume of the region between `reference` and `points`. Larger is better.

    Args:
        points: [points, objectives]. Points that are not better than `reference` in every objective add nothing.
        reference: One value per objective.
        maximize: One bool per objective.

    Returns:
        The volume, in the product of the units of the objectives.
    """
    costs = _costs(points, maximize)
    valid = costs[~np.isnan(costs).any(axis=1)]
    return float(moocore.hypervolume(valid, ref=_costs([reference], maximize)[0])) if len(valid) else 0.0


def improving(points: ArrayLike, reference: Sequence[float], maximize: Sequence[bool]) -> Mask:
    """Return which points increase the hypervolume of the points before them.

    Such a point is better than `reference` in every objective, and no earlier point is at least as good in every
    objective. Comparing points is exact, and differences of hypervolumes are not.

    Args:
        points: [points, objectives], in order, without NaN.
        reference: One value per objective.
        maximize: One bool per objective.

    Returns:
        A boolean mask, [points].
    """
    costs, worst = _costs(points, maximize), _costs([reference], maximize)[0]
    matched: Mask = np.array([(costs[:index] <= cost).all(axis=1).any() for index, cost in enumerate(costs)], bool)
    better: Mask = (costs < worst).all(axis=1)
    return better & ~matched


def knee(points: ArrayLike, maximize: Sequence[bool]) -> int | None:
    """Return the index of the point at which the Pareto set bends most, or None if it does not bend.

    Both objectives are scaled to [0, 1] over the Pareto set. The knee is the Pareto point that is farthest from the
    line between the two ends, on the better side of it (the distance of Satopää et al., "Finding a 'kneedle' in a
    haystack", 2011).

    Args:
        points: [points, 2], transformed as they are drawn, for example a count as its logarithm.
        maximize: One bool per objective.
    """
    costs = _costs(points, maximize)
    front = np.flatnonzero(pareto(points, maximize))
    if len(front) < 3:
        return None
    low, high = costs[front].min(axis=0), costs[front].max(axis=0)
    if (low == high).any():
        return None
    distance = 1 - ((costs[front] - low) / (high - low)).sum(axis=1)  # [front]; 0 on the line, above 0 if better
    best = int(distance.argmax())
    return int(front[best]) if distance[best] > 1e-9 else None


def attainment(points: ArrayLike, sets: ArrayLike, share: float, maximize: Sequence[bool]) -> Floats:
    """Return the corners of the region that at least a share of the sets attains (empirical attainment surface).

    A set attains a location if one of its points is at least as good in every objective (Grunert da Fonseca et al.,
    "Inferential performance assessment of stochastic optimisers and the attainment function", 2001).

    Args:
        points: [points, objectives].
        sets: [points], the set of each point, for example its seed.
        share: In (0, 1]. 0.5 gives the median surface, 1 gives the surface that every set attains.
        maximize: One bool per objective.

    Returns:
        [corners, objectives], none dominated by another, sorted by the first objective.
    """
    costs, labels = _costs(points, maximize), np.asarray(sets)
    valid = ~np.isnan(costs).any(axis=1)
    if not valid.any():
        return np.empty((0, len(maximize)))
    numbers = np.unique(labels[valid], return_inverse=True)[1]
    order = np.argsort(numbers, kind="stable")  # moocore expects the points of each set to be adjacent
    surface = moocore.eaf(costs[valid][order], numbers[order] + 1, percentiles=[100 * share])[:, :-1]
    corners = _costs(surface, maximize)
    return corners[np.argsort(corners[:, 0], kind="stable")]


def _costs(points: ArrayLike, maximize: Sequence[bool]) -> Floats:
    """Return `points` with maximised objectives negated, so that less is better everywhere. It is its own inverse."""
    array = np.asarray(points, float).reshape(-1, len(maximize))
    return array * np.where(np.asarray(maximize), -1.0, 1.0)
