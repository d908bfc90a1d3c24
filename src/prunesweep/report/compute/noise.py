"""How much an accuracy varies by chance, and which settings do not differ significantly.

An accuracy has two independent causes of error: the images that it is measured on, and the seed. All settings are
measured on the same images, so what counts for a difference are the images that two networks classify differently.
Their number is not recorded, but it is at least the difference itself: this is McNemar's test in its most favorable
case, in which a difference of less than four images is never significant.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist, fmean, median, stdev

from scipy.special import stdtrit

from prunesweep.results.run_directory import RunDirectory

LEVEL = 0.95
"""The confidence level."""
QUANTILE = NormalDist().inv_cdf((1 + LEVEL) / 2)


@dataclass(frozen=True)
class Evidence:
    """How well a setting was measured on validation images.

    Attributes:
        drops: The drop of validation accuracy from the best dense network, for each seed: dense minus final of the same
            run, and by how much this dense network is below the best one.
        accuracy: The mean final validation accuracy.
    """

    drops: tuple[float, ...]
    accuracy: float

    @property
    def seeds(self) -> int:
        """The number of seeds."""
        return len(self.drops)

    @cached_property
    def sd(self) -> float:
        """The standard deviation of the drops, or 0 for a single seed, whose spread is unknown."""
        return stdev(self.drops) if self.seeds > 1 else 0.0

    @cached_property
    def drop(self) -> float:
        """The mean drop."""
        return fmean(self.drops)

    @classmethod
    def of(cls, runs: Sequence[RunDirectory], behind: float = 0.0) -> Evidence:
        """Return the evidence of the runs of one setting. Runs with the same seed are averaged first.

        Args:
            runs: The runs.
            behind: By how much their dense networks are below the best one, `Experiment.behind`.
        """
        by_seed: dict[int, list[float]] = {}
        for run in runs:
            drop = run.result["dense"]["val_accuracy"] - run.result["final"]["val_accuracy"] + behind
            by_seed.setdefault(run.result["seed"], []).append(drop)
        accuracy = fmean(run.result["final"]["val_accuracy"] for run in runs)
        return cls(tuple(map(fmean, by_seed.values())), accuracy)


@dataclass(frozen=True)
class Noise:
    """The noise of the settings of one data set.

    Attributes:
        images: The number of validation images, or None if it is unknown.
        seeds: The typical standard deviation of a drop over seeds: the median over the settings with several seeds.
            None if there are none.
        freedom: The degrees of freedom of this estimate.
    """

    images: int | None
    seeds: float | None
    freedom: int

    @classmethod
    def of(cls, settings: Iterable[Evidence], images: int | None) -> Noise:
        """Return the noise of `settings`."""
        several = [each.drops for each in settings if each.seeds > 1]
        return cls(images, median(map(stdev, several)) if several else None, sum(len(drops) - 1 for drops in several))

    def margin(self, setting: Evidence) -> float:
        """Return half the width of the confidence interval of a drop that is due to the seeds.

        A setting with one seed has the typical standard deviation of the others. If no setting has several seeds, the
        margin is that of the validation images.
        """
        if self.seeds is None:
            return QUANTILE * binomial(setting.accuracy, self.images) if self.images else 0.0
        quantile = float(stdtrit(self.freedom, (1 + LEVEL) / 2))
        return quantile * max(setting.sd, self.seeds) / math.sqrt(setting.seeds)

    def of_images(self, difference: float) -> float:
        """Return the least half width of the confidence interval of a difference that is due to the images."""
        if not self.images:
            return 0.0
        return QUANTILE * math.sqrt(max(abs(difference), 1 / self.images) / self.images)

    def tied(self, one: Evidence, other: Evidence) -> bool:
        """Return whether the drops of two settings do not differ significantly."""
        difference = one.drop - other.drop
        return abs(difference) <= math.hypot(self.margin(one), self.margin(other), self.of_images(difference))


def binomial(accuracy: float, images: int) -> float:
    """Return the standard error of an accuracy that is measured on `images` images."""
    return math.sqrt(accuracy * (1 - accuracy) / images)


def ties(settings: Mapping[int, Evidence], index: int, noise: Noise) -> list[int]:
    """Return the keys of the other settings that do not differ significantly from the setting `index`."""
    return [other for other, each in settings.items() if other != index and noise.tied(settings[index], each)]
