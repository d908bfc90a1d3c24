"""Confidence intervals of scores that were measured on a limited number of images, with a limited number of seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from scipy.special import stdtrit

Interval = tuple[float, float]


def wilson(share: float, images: int, level: float) -> Interval:
    """Return Wilson's score interval of a binomial proportion.

    It is accurate also for shares near 1 and for few images, where the normal interval is not (Wilson, "Probable
    inference, the law of succession, and statistical inference", 1927; Brown, Cai and DasGupta, "Interval estimation
    for a binomial proportion", 2001).

    Args:
        share: The fraction of images that were classified correctly.
        images: The number of images.
        level: The confidence level in (0, 1).
    """
    square = statistics.NormalDist().inv_cdf((1 + level) / 2) ** 2 / images
    center = (share + square / 2) / (1 + square)
    half = math.sqrt(square * (share * (1 - share) + square / 4)) / (1 + square)
    return max(0.0, min(share, center - half)), min(1.0, max(share, center + half))


def half_width(values: Sequence[float], level: float) -> float:
    """Return half the width of Student's t interval of the mean, or 0 for a single value, whose spread is unknown."""
    if len(values) < 2:
        return 0.0
    quantile = float(stdtrit(len(values) - 1, (1 + level) / 2))
    return quantile * statistics.stdev(values) / math.sqrt(len(values))


def accuracy_interval(values: Sequence[float], images: int, level: float) -> Interval:
    """Return the interval of a mean accuracy over seeds, all measured on the same images.

    The images and the seeds are independent causes of error, so the squares of their half-widths are added, on each
    side alone (Zou and Donner, "Construction of confidence limits about effect measures", 2008). More seeds do not
    reduce the error of the images, because the images are the same for every seed.

    Args:
        values: The accuracy of each seed.
        images: The number of images.
        level: The confidence level in (0, 1).
    """
    mean, half = statistics.fmean(values), half_width(values, level)
    low, high = wilson(mean, images, level)
    return max(0.0, mean - math.hypot(mean - low, half)), min(1.0, mean + math.hypot(high - mean, half))
