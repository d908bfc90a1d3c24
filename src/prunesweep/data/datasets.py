"""A named data set as in-memory tensors: training, validation and test split, normalised once, with a fingerprint."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from prunesweep.data.readers import _read
from prunesweep.data.settings import Dataset
from prunesweep.data.sources import SOURCES, checksum, provide
from prunesweep.data.splits import SPLIT_SEED, stratified


@dataclass(frozen=True)
class Split:
    """Images `[n, channels, height, width]`, float32, normalised, channels last in memory; labels `[n]`, int64."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Tensor) -> Split:
        """Copies of the examples at `indices` `[m]`, in that order and in the same layout."""
        # With the channels last, as they lie in memory, an image is one block; indexing the images as they are
        # described would pick value by value.
        images = self.images.movedim(1, -1).index_select(0, indices).movedim(-1, 1)
        return Split(images, self.labels.index_select(0, indices))


@dataclass(frozen=True)
class Data:
    """The three splits, disjoint. Whatever chooses sees `train` and `validation` only."""

    train: Split
    validation: Split
    test: Split


def fingerprint(dataset: Dataset) -> str:
    """A hash of everything that the tensors depend on: the bytes of the files, the split, the normalisation.

    Raises:
        UsageError: a file is absent and cannot be downloaded, or has the wrong size or content.
    """
    provide(dataset.name, dataset.folder())
    checksums = [checksum(file, dataset.folder() / file.path) for file in SOURCES[dataset.name].files]
    parts = (dataset.name, checksums, dataset.validation, SPLIT_SEED, dataset.mean, dataset.std)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def load(dataset: Dataset, device: str) -> Data:
    """The data set's tensors on `device`, read once for each process."""
    provide(dataset.name, dataset.folder())
    key = (dataset.name, str(dataset.folder()), dataset.validation, tuple(dataset.mean), tuple(dataset.std))
    return _load(*key, device)


@lru_cache(maxsize=1)  # one at a time: full MNIST takes 220 MB
def _load(
    name: str, folder: str, validation: int, mean: tuple[float, ...], std: tuple[float, ...], device: str
) -> Data:
    (images, labels), test = _read(name, Path(folder))
    rest, chosen = stratified(labels, validation)

    def split(images: np.ndarray, labels: np.ndarray) -> Split:
        values = torch.from_numpy(images).to(device, torch.float32).div_(255)
        values.sub_(torch.tensor(mean, device=device)).div_(torch.tensor(std, device=device))
        return Split(values.permute(0, 3, 1, 2), torch.from_numpy(labels).to(device))

    return Data(split(images[rest], labels[rest]), split(images[chosen], labels[chosen]), split(*test))
