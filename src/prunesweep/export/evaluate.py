"""Measure the accuracy of an exported file."""

from __future__ import annotations

import os
from pathlib import Path

from torch import Tensor

from prunesweep.data.datasets import facts, load
from prunesweep.data.settings import Dataset, NamedDataset
from prunesweep.errors import UsageError, check_choice
from prunesweep.experiment.device import use_device
from prunesweep.experiment.saved import refuse_code
from prunesweep.export import formats
from prunesweep.export.description import Description
from prunesweep.export.formats import read, summary
from prunesweep.export.protocol import Network
from prunesweep.export.verify import Accuracy, accuracy, compute_logits

THREADS = 1  # the default of a run; a fixed number, because it affects the last bits
UNVERIFIED = "was exported by an older release, without a checksum: it is not known whether it was changed afterwards"
SPLITS = ("train", "validation", "test")


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
    if path.is_dir():
        found = min(path.glob("export/*"), default=None)
        hint = f"which `prunesweep export {path} --format csr` writes" if found is None else f"such as {found}"
        raise UsageError(f"{path}: is a folder. Give an exported file, {hint}.")
    export = read(path)
    use_device("cpu", THREADS)
    network = formats.load(export, trust=trust)
    described = export.description
    settings = described.data_set(dataset, root)
    if isinstance(settings, NamedDataset):
        settings.root = root or os.environ.get("PRUNESWEEP_DATA")
    elif not trust:
        refuse_code(path, {"dataset": described.data})
    _check_fits(settings, described)
    images = getattr(load(settings, "cpu", described.layout), split)
    try:
        logits = compute_logits(_checked(network, described.classes), images)
    except Exception as error:  # each runtime has its own exceptions
        raise UsageError(f"{path}: its network cannot process the images ({summary(error)}).") from error
    notes = [] if export.description.checksum else [f"{path} {UNVERIFIED}"]
    return accuracy(logits, images), notes


def _check_fits(settings: Dataset, described: Description) -> None:
    """Refuse data whose images or classes are not those of the network."""
    found = facts(settings)
    if list(found.shape) != list(described.shape) or len(found.classes) != described.classes:
        raise UsageError(
            f"--dataset={settings.name}: its images have the shape {list(found.shape)} and {len(found.classes)} "
            f"classes, but the network expects {list(described.shape)} and {described.classes} classes."
        )


def _checked(network: Network, classes: int) -> Network:
    """Return `network` with a check of its logits."""

    def checked(images: Tensor) -> Tensor:
        logits = network(images)
        if list(logits.shape) != [len(images), classes]:
            raise ValueError(f"its output for {len(images)} images has the shape {list(logits.shape)}")
        if not bool(logits.isfinite().all()):
            raise ValueError("its output contains numbers that are not finite")
        return logits

    return checked
