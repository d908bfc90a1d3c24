"""Data sets as tensors in memory, and their fingerprints."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from prunesweep.data.layout import CHANNELS_LAST, in_layout
from prunesweep.data.readers import Examples, read
from prunesweep.data.settings import Dataset
from prunesweep.data.sources import checksums, download_missing
from prunesweep.data.splits import SPLIT_SEED, stratified_split


@dataclass(frozen=True)
class Split:
    """Images `[n, channels, height, width]`, float32, normalized; labels `[n]`, int64."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Tensor) -> Split:
        """Copy the examples at `indices` `[m]`, in that order and with the same memory layout."""
        if self.images.stride(1) == 1:
            # In channels-last order each image is one block of memory, which index_select copies whole. Indexing in
            # the order of the shape would copy value by value.
            images = self.images.movedim(1, -1).index_select(0, indices).movedim(-1, 1)
        else:
            images = self.images.index_select(0, indices)
        return Split(images, self.labels.index_select(0, indices))


@dataclass(frozen=True)
class Data:
    """The three disjoint splits of a data set.

    Networks are trained on `train` and selected on `validation`. `test` is used only for the reported numbers.
    """

    train: Split
    validation: Split
    test: Split


def fingerprint(dataset: Dataset) -> str:
    """Return a hash of everything that the tensors depend on: the files' bytes, the split and the normalization.

    Raises:
        UsageError: a file is missing and cannot be downloaded, or has the wrong size or content.
    """
    folder = dataset.folder()
    download_missing(dataset.name, folder)
    files = checksums(dataset.name, folder)
    parts = (dataset.name, files, dataset.validation, SPLIT_SEED, dataset.mean, dataset.std)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def load(dataset: Dataset, device: str, layout: str = CHANNELS_LAST) -> Data:
    """Return the data set on `device` in a memory layout. A process keeps the data set that it loaded last.

    Raises:
        UsageError: a file is missing and cannot be downloaded, or is damaged.
    """
    folder = dataset.folder()
    download_missing(dataset.name, folder)
    means, deviations = tuple(dataset.mean), tuple(dataset.std)
    return _load(dataset.name, str(folder), dataset.validation, means, deviations, device, layout)


@lru_cache(maxsize=1)  # full MNIST takes 220 MB
def _load(
    name: str,
    folder: str,
    validation: int,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    device: str,
    layout: str,
) -> Data:
    examples, test = read(name, Path(folder))
    train, held_out = stratified_split(examples.labels, validation)

    def normalized(part: Examples) -> Split:
        values = torch.from_numpy(part.images).to(device, torch.float32).div_(255)
        values.sub_(torch.tensor(mean, device=device)).div_(torch.tensor(std, device=device))
        images = values.permute(0, 3, 1, 2)
        if layout != CHANNELS_LAST:
            images = in_layout(images, layout)
        return Split(images, torch.from_numpy(part.labels).to(device))

    return Data(normalized(examples.take(train)), normalized(examples.take(held_out)), normalized(test))
