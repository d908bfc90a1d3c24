"""Read the files of a data set into arrays."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prunesweep.data.settings import CLASSES
from prunesweep.data.sources import SOURCES, Source, checksums
from prunesweep.data.splits import stratified_split
from prunesweep.errors import UsageError


@dataclass(frozen=True)
class Examples:
    """Images `[n, height, width, channels]`, uint8, and their labels `[n]`, int64."""

    images: np.ndarray
    labels: np.ndarray

    def take(self, indices: np.ndarray) -> Examples:
        """Return the examples at `indices` `[m]`, in that order."""
        return Examples(self.images[indices], self.labels[indices])


def read(name: str, folder: Path) -> tuple[Examples, Examples]:
    """Read the training examples and the test examples of the data set `name` from the files in `folder`.

    Raises:
        UsageError: a file does not have the expected size or content, or a label is not one of the classes.
    """
    source = SOURCES[name]
    checksums(name, folder)
    train, test = READERS[source.format](source, folder)
    for labels in (train.labels, test.labels):
        if labels.min() < 0 or labels.max() >= CLASSES:
            raise UsageError(f"{folder}: {name} has a label that is not from 0 to {CLASSES - 1}. {source.remedy}")
    return train, test


def read_csv(source: Source, folder: Path) -> tuple[Examples, Examples]:
    """Read one table with an image in each row, its pixels first and its label last.

    The table has no test split of its own, so `source.test` examples are held out.
    """
    table = np.loadtxt(folder / source.files[0].path, delimiter=",", dtype=np.uint8)
    examples = Examples(table[:, :-1].reshape(-1, 28, 28, 1), table[:, -1].astype(np.int64))
    train, test = stratified_split(examples.labels, source.test)
    return examples.take(train), examples.take(test)


def read_idx(source: Source, folder: Path) -> tuple[Examples, Examples]:
    """Read MNIST's format: training images and labels, then test images and labels.

    An IDX file is a header of 4 bytes and 4 more bytes for each dimension, then the values in big-endian order.
    """
    images, labels, test_images, test_labels = (_read_idx_file(folder / file.path) for file in source.files)
    # QMNIST has 60,000 test images. The first 10,000 are MNIST's.
    return Examples(images, labels), Examples(test_images[: source.test], test_labels[: source.test])


def _read_idx_file(path: Path) -> np.ndarray:
    content = bytearray(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
    if "images" in path.name:
        return np.frombuffer(content, np.uint8, offset=16).reshape(-1, 28, 28, 1)
    if "idx2" in path.name:  # QMNIST's labels: eight numbers for each image, and the first is the class
        return np.frombuffer(content, ">i4", offset=12).reshape(-1, 8)[:, 0].astype(np.int64)
    return np.frombuffer(content, np.uint8, offset=8).astype(np.int64)


def read_cifar10(source: Source, folder: Path) -> tuple[Examples, Examples]:  # noqa: ARG001
    """Read CIFAR-10's batches with torchvision. They are pickles, so `read` compares their checksums first."""
    # Imported here because torchvision takes seconds to import, and the other readers do not need it.
    from torchvision.datasets import CIFAR10

    train, test = (CIFAR10(str(folder), train=part) for part in (True, False))
    return Examples(train.data, np.array(train.targets)), Examples(test.data, np.array(test.targets))


Reader = Callable[[Source, Path], tuple[Examples, Examples]]
READERS: dict[str, Reader] = {"csv": read_csv, "idx": read_idx, "cifar10": read_cifar10}
"""The reader of each `Source.format`."""
