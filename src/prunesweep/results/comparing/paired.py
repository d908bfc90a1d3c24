"""Student's paired t test, its confidence interval, and the number of pairs that a difference needs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import nctdtr, stdtr, stdtrit

MAX_PAIRS = 10_000
"""The largest number of pairs that `pairs_needed` returns."""
POWER = 0.8
"""The probability with which `pairs_needed` pairs detect the difference."""


@dataclass(frozen=True)
class Paired:
    """The mean of paired differences and what follows from it.

    Attributes:
        pairs: The number of pairs, one per seed.
        mean: The mean difference.
        sd: The standard deviation of the differences. None with a single pair.
        interval: The confidence interval of the mean difference. None with a single pair.
        p: The two-sided p-value of Student's paired t test. None with a single pair.
    """

    pairs: int
    mean: float
    sd: float | None
    interval: tuple[float, float] | None
    p: float | None


def paired(differences: Sequence[float], level: float = 0.95, resolution: float = 0.0) -> Paired:
    """Compare two methods by the differences of their pairs.

    Accuracies are counts of images, so equal differences do not prove that there is no spread. The standard deviation
    is therefore at least that of rounding: each accuracy is rounded to a multiple of `resolution`, with a variance of
    resolution² / 12.

    Args:
        differences: The difference in each pair, at least one.
        level: The confidence level in (0, 1).
        resolution: The accuracy of a single image, 1 / images. 0 if the values are not rounded.
    """
    pairs, mean = len(differences), statistics.fmean(differences)
    if pairs < 2:
        return Paired(pairs, mean, None, None, None)
    sd = max(statistics.stdev(differences), resolution / math.sqrt(6))
    error = sd / math.sqrt(pairs)
    half = float(stdtrit(pairs - 1, (1 + level) / 2)) * error
    return Paired(pairs, mean, sd, (mean - half, mean + half), _p_value(mean, error, pairs - 1))


def _p_value(mean: float, error: float, freedom: int) -> float:
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return 2 * float(stdtr(freedom, -abs(mean) / error))


def power(pairs: int, effect: float, alpha: float) -> float:
    """Return the probability that the two-sided paired t test detects a difference.

    Args:
        pairs: The number of pairs, at least 2.
        effect: The true mean difference divided by the standard deviation of the differences.
        alpha: The probability of a false detection in a single test.
    """
    freedom, shift = pairs - 1, abs(effect) * math.sqrt(pairs)
    critical = float(stdtrit(freedom, 1 - alpha / 2))
    return 1 - _below(critical, freedom, shift) + _below(-critical, freedom, shift)


def _below(t: float, freedom: int, shift: float) -> float:
    """Return the distribution function of the noncentral t distribution. scipy returns NaN where it underflows."""
    below = float(nctdtr(freedom, shift, t))
    return 0.0 if math.isnan(below) else below


def pairs_needed(mean: float, sd: float, alpha: float, wanted: float = POWER) -> int | None:
    """Return the smallest number of pairs that detects a difference `mean` with the probability `wanted`.

    Args:
        mean: The true mean difference.
        sd: The standard deviation of the differences.
        alpha: The probability of a false detection in a single test.
        wanted: The power of the test.

    Returns:
        The number of pairs, or None if it is larger than `MAX_PAIRS`.
    """
    if sd == 0:
        return None if mean == 0 else 2
    low, high = 1, MAX_PAIRS + 1  # the power rises with the number of pairs
    while high - low > 1:
        middle = (low + high) // 2
        if power(middle, mean / sd, alpha) >= wanted:
            high = middle
        else:
            low = middle
    return None if high > MAX_PAIRS else high
