"""The noise of a single test accuracy near that of a dense network, drawn as a band."""

from __future__ import annotations

from dataclasses import dataclass

from prunesweep.report.compute.groups import Spread
from prunesweep.report.compute.noise import binomial


@dataclass(frozen=True)
class Band:
    """An interval around the mean accuracy of dense networks.

    Attributes:
        low, high: One standard deviation below and above the mean.
        images: The part of the standard deviation that a finite number of test images causes (binomial).
        seeds: The standard deviation over trained networks, which contains that part. None for a single network.
    """

    low: float
    high: float
    images: float
    seeds: float | None


def band(dense: Spread, images: int) -> Band:
    """Return the band of dense networks that were measured on `images` test images.

    Few seeds can agree by chance, so the band is never narrower than the binomial noise.
    """
    least = binomial(dense.mean, images)
    half = max(least, dense.sd or 0.0)
    return Band(max(0.0, dense.mean - half), min(1.0, dense.mean + half), least, dense.sd)
