"""Holm's correction of p-values for the number of tests."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values corrected by Holm's method, in the given order.

    Rejecting each hypothesis with a corrected p-value below alpha makes one or more false rejections with a probability
    of at most alpha, however the tests depend on each other (Holm, "A simple sequentially rejective multiple test
    procedure", 1979).
    """
    corrected = [1.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected
