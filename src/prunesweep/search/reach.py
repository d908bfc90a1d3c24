"""How far the trials of a search are from its Pareto set, in units of their confidence intervals."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prunesweep.results.intervals import Interval, accuracy_interval, half_width
from prunesweep.results.objectives import Objective


def interval(goal: Objective, values: Sequence[float], images: int, level: float) -> Interval:
    """Return the confidence interval of an objective.

    Counts, such as `param_reduction`, are exact. An accuracy depends on the validation images and on the seed. For a
    loss and a latency, only the spread over the seeds is known.

    Args:
        goal: The objective.
        values: Its value for each seed.
        images: The number of validation images.
        level: The confidence level in (0, 1).
    """
    mean, name = statistics.fmean(values), goal.field.rpartition(".")[2]
    if name == "val_accuracy":
        return accuracy_interval(values, images, level)
    half = half_width(values, level) if name in ("val_loss", "latency_us") else 0.0
    return mean - half, mean + half


def distances(
    points: ArrayLike, low: ArrayLike, high: ArrayLike, members: ArrayLike, maximize: Sequence[bool]
) -> NDArray[np.float64]:
    """Return the share of the confidence intervals that each point needs to reach the Pareto set.

    With a share s, a point is moved to its better side by s times its interval, and the members of the set are moved to
    their worse side by s times theirs. The distance of a point is the smallest s at which no member is better in one
    objective and at least as good in all others. It is 0 for members, at most 1 for points whose interval reaches the
    set, and infinite for other points without uncertainty.

    Args:
        points: [points, objectives].
        low: [points, objectives], the lower ends of the intervals.
        high: [points, objectives], the upper ends.
        members: [points], whether a point is in the Pareto set.
        maximize: One bool per objective.
    """
    values, lower, upper = (np.asarray(each, float).reshape(-1, len(maximize)) for each in (points, low, high))
    in_set, more = np.asarray(members, bool), np.asarray(maximize)
    gain = np.where(more, upper - values, values - lower)  # [points, objectives], towards the better side
    loss = np.where(more, values - lower, upper - values)
    costs = np.where(more, -values, values)
    gap = costs[:, None] - costs[in_set]  # [points, members, objectives], above 0 where the member is better
    room = gain[:, None] + loss[in_set]
    needed = np.divide(gap, room, out=np.full(gap.shape, np.inf), where=room > 0)
    dominated = (gap >= 0).all(axis=2) & (gap > 0).any(axis=2)  # [points, members]
    escape = np.where(dominated, needed.min(axis=2), 0.0)  # one objective is enough, but from every member
    found: NDArray[np.float64] = escape.max(axis=1, initial=0.0)
    return found
