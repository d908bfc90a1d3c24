"""Split a total over parameters in proportion to given densities."""

from __future__ import annotations

import math
from collections.abc import Mapping

STEPS = 200
"""Bisections of the common factor, until its two sides are neighboring floating-point numbers."""


def by_density(
    sizes: Mapping[str, int], pruned: int, densities: Mapping[str, float], least: Mapping[str, int]
) -> dict[str, int]:
    """Return how many units each parameter loses, `pruned` in total.

    The kept fractions are a common factor times `densities`, except that a parameter keeps at least `least` and at most
    all of its units. Rounding by the largest remainders makes the sum exact. If `least` does not leave enough to prune,
    it is ignored.

    Args:
        sizes: The number of units of each parameter.
        pruned: The total, at most the sum of `sizes`.
        densities: A positive number for each parameter. Only their ratios matter.
        least: The number of units that each parameter should keep.
    """
    keep = sum(sizes.values()) - pruned
    floors = least if sum(least.values()) <= keep else dict.fromkeys(sizes, 0)

    def kept(factor: float) -> dict[str, float]:
        wanted = {name: factor * densities[name] * size for name, size in sizes.items()}
        return {name: min(max(wanted[name], floors[name]), size) for name, size in sizes.items()}

    low, high = 0.0, 1 / min(densities.values())  # with which all units are kept
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if math.fsum(kept(middle).values()) > keep else (middle, high)
    exact = kept(high)
    lost = {name: size - math.floor(exact[name]) for name, size in sizes.items()}
    largest_remainders = sorted(sizes, key=lambda name: math.floor(exact[name]) - exact[name])
    rounded_up = largest_remainders[: sum(lost.values()) - pruned]
    return {name: lost[name] - (name in rounded_up) for name in sizes}
