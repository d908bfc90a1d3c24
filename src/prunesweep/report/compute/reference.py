"""The dense network that the pruned networks of a data set are compared with: the best one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from prunesweep.results.history import is_trained
from prunesweep.results.run_directory import RunDirectory


@dataclass(frozen=True)
class Reference:
    """The best dense network on a data set.

    Attributes:
        val, test: Seed -> accuracy.
        trained: Whether it is a dense network. If none was trained, as with `train.epochs=0`, the best final network
            takes its place.
        networks: The number of different dense networks: one, if the user gives the weights.
    """

    val: Mapping[int, float]
    test: Mapping[int, float]
    trained: bool
    networks: int

    @classmethod
    def of(cls, settings: Sequence[Sequence[RunDirectory]]) -> Reference:
        """Return the reference for the runs of each setting, all on one data set.

        The best network is the one with the highest mean validation accuracy, among those with the most seeds: a
        single seed can be lucky.
        """
        dense = [runs for runs in settings if all(is_trained(run.result) for run in runs)]
        point = "dense" if dense else "final"
        found = [
            cls(
                _by_seed(runs, point, "val_accuracy"),
                _by_seed(runs, point, "test_accuracy"),
                bool(dense),
                len({run.result["dense_digest"] for run in runs}),
            )
            for runs in dense or settings
        ]
        return max(found, key=lambda each: (len(each.val), fmean(each.val.values())))

    def above(self, runs: Sequence[RunDirectory]) -> float:
        """Return by how much its validation accuracy is above that of the dense networks of `runs`, at least 0.

        They are compared over the seeds that both have, if there are any: the same network is 0 above itself.
        """
        own = _by_seed(runs, "dense", "val_accuracy")
        common = own.keys() & self.val.keys()
        if common:
            return max(0.0, fmean(self.val[seed] - own[seed] for seed in sorted(common)))
        return max(0.0, fmean(self.val.values()) - fmean(own.values()))


def _by_seed(runs: Sequence[RunDirectory], point: str, name: str) -> dict[int, float]:
    values: dict[int, list[float]] = {}
    for run in runs:
        values.setdefault(run.result["seed"], []).append(float(run.result[point][name]))
    return {seed: fmean(each) for seed, each in values.items()}
