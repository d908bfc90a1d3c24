"""Published pruning results of LeNets on MNIST, read from `published.yaml`, which says what was verified and how."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import yaml

DATASET = "mnist"
"""The data set that all these results are on."""


@dataclass(frozen=True)
class Published:
    """One published network.

    Attributes:
        dense: error before pruning on the 10,000 test images, in percent; None where it is not given.
        error: error after pruning, in percent.
        kept: percent of parameters that are left.
        of: what `kept` is a percentage of: "weights", "weights and biases", or None where that is not said.
        checked: "scored" again from the authors' weights, "read" in the paper, or "quoted" by another one.
        source: authors, title, place and year.
    """

    method: str
    year: int
    dense: float | None
    error: float
    kept: float
    of: str | None
    checked: str
    source: str


def published(model: str, dataset: str) -> list[Published]:
    """What was published for `model` on `dataset`, under the names of `conf/`; nothing for most of them."""
    if dataset != DATASET:
        return []
    tables = yaml.safe_load(files("prunesweep").joinpath("published.yaml").read_text(encoding="utf-8"))
    sources = tables.pop("sources")
    return [Published(**{**row, "source": sources[row["source"]]}) for row in tables.get(model, [])]
