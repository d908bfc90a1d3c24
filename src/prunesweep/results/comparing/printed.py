"""Compare our results over seeds with a figure that a paper prints."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtr

LEVEL = 0.05
"""The two-sided p-value below which a difference is not noise."""


@dataclass(frozen=True)
class Comparison:
    """The result of a comparison with a printed error.

    Attributes:
        verdict: `within noise`, `better` or `worse`.
        p: The two-sided p-value.
    """

    verdict: str
    p: float


def against_printed(errors: Sequence[float], printed: float, digits: int, sd: float | None = None) -> Comparison:
    """Return whether a printed error could be that of one more seed of ours.

    The test is that of a prediction interval: Student's t with the difference between our mean and the printed error,
    divided by s sqrt(1 + 1/n), where s is the standard deviation of our n seeds. A printed error is usually a single
    network whose spread is not known, so it is assumed to have ours; if the paper prints a larger `sd`, that is its
    spread. Half a unit of the last printed digit is subtracted from the difference, because the paper rounded.
    The images of the test split are the same for both, so their choice adds no noise.
    Source: Hahn, Meeker, "Statistical Intervals" (1991), section 4.2 (prediction of a single future observation).

    Args:
        errors: Our error for each seed, in percent, at least two.
        printed: The printed error, in percent.
        digits: The number of its decimals.
        sd: The printed standard deviation, in points.
    """
    n, own = len(errors), statistics.stdev(errors)
    difference = statistics.fmean(errors) - printed
    beyond = max(abs(difference) - 0.5 * 10**-digits, 0.0)
    spread = math.hypot(max(own, sd or 0.0), own / math.sqrt(n))
    p = 1.0 if beyond == 0 else 0.0 if spread == 0 else 2 * float(stdtr(n - 1, -beyond / spread))
    if p >= LEVEL:
        return Comparison("within noise", p)
    return Comparison("worse" if difference > 0 else "better", p)
