"""Measure the accuracy of an exported file."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path

from prunesweep.data.datasets import Data, load
from prunesweep.errors import check_choice
from prunesweep.experiment.device import use_device
from prunesweep.export import formats
from prunesweep.export.formats import describe
from prunesweep.export.verify import Accuracy, accuracy, compute_logits

THREADS = 2  # the default of a run; a fixed number, because it affects the last bits
SPLITS = tuple(field.name for field in fields(Data))


def evaluate(path: Path, dataset: str | None, root: str | None, split: str, *, trust: bool) -> Accuracy:
    """Return the accuracy of the exported file at `path`.

    Args:
        path: An exported file.
        dataset: Name of a data set. By default the one that the network was trained on.
        root: The folder of the data. By default the one in the environment variable PRUNESWEEP_DATA.
        split: `train`, `validation` or `test`.
        trust: Whether the file may execute code.

    Raises:
        UsageError: The file is not an export, would execute code without `trust`, or does not fit the data.
    """
    check_choice("--split", split, SPLITS)
    description = describe(path)
    use_device("cpu", THREADS)
    network = formats.load(path, description, trust=trust)
    images = getattr(load(description.data(dataset, root or os.environ.get("PRUNESWEEP_DATA")), "cpu"), split)
    return accuracy(compute_logits(network, images), images)
