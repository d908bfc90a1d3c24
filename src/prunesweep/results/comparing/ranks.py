"""Ranks of methods."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean


def ranks(scores: Sequence[float]) -> list[float]:
    """Return the rank of each score. The largest has rank 1, and equal scores share the mean of their ranks."""
    return [
        sum(other > score for other in scores) + (1 + sum(other == score for other in scores)) / 2 for score in scores
    ]


def mean_ranks(blocks: Sequence[Sequence[float]]) -> list[float]:
    """Return the mean rank of each method over at least one block, which has a score of each method."""
    return [fmean(column) for column in zip(*map(ranks, blocks), strict=True)]
