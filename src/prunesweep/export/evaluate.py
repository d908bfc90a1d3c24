"""Measure the accuracy of an exported file."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path

from torch import Tensor

from prunesweep.data.datasets import Data, load
from prunesweep.data.settings import CLASSES
from prunesweep.errors import UsageError, check_choice
from prunesweep.experiment.device import use_device
from prunesweep.export import formats
from prunesweep.export.formats import read, summary
from prunesweep.export.protocol import Network
from prunesweep.export.verify import Accuracy, accuracy, compute_logits

THREADS = 2  # the default of a run; a fixed number, because it affects the last bits
UNVERIFIED = "was exported by an older release, without a checksum: it is not known whether it was changed afterwards"
SPLITS = tuple(field.name for field in fields(Data))


def evaluate(
    path: Path, dataset: str | None, root: str | None, split: str, *, trust: bool
) -> tuple[Accuracy, list[str]]:
    """Return the accuracy of the exported file at `path`, and notes for the user.

    Args:
        path: An exported file.
        dataset: Name of a data set. By default the one that the network was trained on.
        root: The folder of the data. By default the one in the environment variable PRUNESWEEP_DATA.
        split: `train`, `validation` or `test`.
        trust: Whether the file may execute code.

    Returns:
        The accuracy, and a note if the file does not have a checksum, so that it is not known whether it was changed.

    Raises:
        UsageError: The file is not an export, was changed, would execute code without `trust`, or does not fit the
            data.
    """
    check_choice("--split", split, SPLITS)
    export = read(path)
    use_device("cpu", THREADS)
    network = formats.load(export, trust=trust)
    described = export.description
    data = load(described.data(dataset, root or os.environ.get("PRUNESWEEP_DATA")), "cpu", described.layout)
    images = getattr(data, split)
    try:
        logits = compute_logits(_checked(network), images)
    except Exception as error:  # each runtime has its own exceptions
        raise UsageError(f"{path}: its network cannot process the images ({summary(error)}).") from error
    notes = [] if export.description.checksum else [f"{path} {UNVERIFIED}"]
    return accuracy(logits, images), notes


def _checked(network: Network) -> Network:
    """Return `network` with a check of its logits."""

    def checked(images: Tensor) -> Tensor:
        logits = network(images)
        if list(logits.shape) != [len(images), CLASSES]:
            raise ValueError(f"its output for {len(images)} images has the shape {list(logits.shape)}")
        if not bool(logits.isfinite().all()):
            raise ValueError("its output contains numbers that are not finite")
        return logits

    return checked
