"""Shares of a variance: the unit in which the importance of a setting is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtrit

LEVEL = 0.95
"""The confidence level of the intervals."""


@dataclass(frozen=True)
class Share:
    """The part of a variance that something causes, in [0, 1], with its confidence interval."""

    name: str
    share: float
    low: float
    high: float


def share(name: str, estimate: float, error: float, freedom: int) -> Share:
    """Return a share from its estimate, its standard error and the degrees of freedom of this error.

    The interval is that of Student's t (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 12.4).
    Parts outside of [0, 1] are cut off. An estimate below 0 means that the effect is smaller than the noise.
    """
    half = float(stdtrit(freedom, (1 + LEVEL) / 2)) * error
    ends = (estimate, estimate - half, estimate + half)
    return Share(name, *(min(1.0, max(0.0, end)) for end in ends))


def largest(shares: Sequence[Share]) -> Share:
    """Return the largest of at least one share; of equal ones, the first."""
    return max(shares, key=lambda each: each.share)
