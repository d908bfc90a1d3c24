"""Published pruning results for LeNets on MNIST, with their sources and how each figure was verified."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import yaml

DATASET = "mnist"
"""The data set of all published results."""


@dataclass(frozen=True)
class Published:
    """The result of one published network.

    Attributes:
        dense: Error before pruning on the 10,000 test images, in percent. None if it is not reported.
        error: Error after pruning, in percent. None if only the abstract was read and does not state it.
        kept: Percentage of parameters that are left.
        of: The parameters that `kept` refers to: "weights", "weights and biases", or None if it is not reported.
        epoch: The split on which the authors chose the epoch that they report: "test", "validation", "last" if they did
            not choose, or None if it is not known.
        checked: How the figure was verified: "scored" (the authors' weights were evaluated again), "read" (in the
            paper), "abstract" (in its abstract) or "quoted" (by another paper).
        source: Authors, title, venue and year.
        sd: The standard deviation of `error` over seeds, in points. None if it is not reported.
    """

    method: str
    year: int
    dense: float | None
    error: float | None
    kept: float
    of: str | None
    epoch: str | None
    checked: str
    source: str
    sd: float | None = None


def published(model: str, dataset: str) -> list[Published]:
    """Return the published results for a network and a data set, by their option names; often there are none."""
    if dataset != DATASET:
        return []
    tables = yaml.safe_load(files("prunesweep.results").joinpath("published.yaml").read_text(encoding="utf-8"))
    sources = tables.pop("sources")
    return [Published(**{**row, "source": sources[row["source"]]}) for row in tables.get(model, [])]
