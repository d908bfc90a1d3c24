"""Data sets as tensors in memory, and their fingerprints."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from prunesweep.data import array_files, custom, folder, readers
from prunesweep.data.examples import Examples, Parts
from prunesweep.data.layout import CHANNELS_LAST, in_layout
from prunesweep.data.settings import (
    DIVISORS,
    ArraysDataset,
    CustomDataset,
    Dataset,
    FolderDataset,
    NamedDataset,
    check_channels,
)
from prunesweep.data.sharing import is_sharing, shared
from prunesweep.data.source_files import checksums, download_missing
from prunesweep.data.sources import SOURCES
from prunesweep.data.splits import SPLIT_SEED, stratified_split
from prunesweep.errors import UsageError, printable


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

    Attributes:
        train, validation, test: The splits.
        zero: The normalized value of a pixel of value 0 in each channel, `[channels]`.
    """

    train: Split
    validation: Split
    test: Split
    zero: Tensor


@dataclass(frozen=True)
class Facts:
    """What a data set is like.

    Attributes:
        label: The name of the data in results. For the user's own data it contains a part of the hash of its content.
        shape: Channels, height and width of an image.
        classes: The names of the classes, in the order of their labels.
        mean: The mean of each channel.
        std: The standard deviation of each channel.
        divisor: The number by which pixel values are divided first.
        sizes: The number of examples of each split.
    """

    label: str
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    divisor: float
    sizes: Mapping[str, int]

    @property
    def chance(self) -> float:
        """The accuracy of a guess."""
        return 1 / len(self.classes)

    @property
    def scale(self) -> str:
        """The factor of pixel values, a key of `DIVISORS`."""
        return next(name for name, divisor in DIVISORS.items() if divisor == self.divisor)

    @property
    def normalization(self) -> dict[str, Any]:
        """What a network sees is (pixel * scale - mean) / std."""
        return {"scale": self.scale, "mean": list(self.mean), "std": list(self.std)}


SPLITS, FIELDS = ("train", "validation", "test"), ("images", "labels")
"""The attributes of `Data` and of `Split`."""

READERS: dict[type[Dataset], Callable[[Any], Parts]] = {
    NamedDataset: readers.read,
    FolderDataset: folder.read,
    ArraysDataset: array_files.read,
    CustomDataset: custom.read,
}
"""Settings -> the function that reads the data."""

_parts: dict[str, Parts] = {}
_facts: dict[str, Facts] = {}
_loaded: dict[str, Data] = {}
_hashes: dict[str, str] = {}
Value = TypeVar("Value")


def _kept(values: dict[str, Value], key: str, make: Callable[[], Value]) -> Value:
    """Return the value for `key`, from `values` or made. Only the last value is kept: full MNIST takes 220 MB."""
    if key not in values:
        made = make()
        values.clear()
        values[key] = made
    return values[key]


def _read(dataset: Dataset) -> Parts:
    """Return the examples as they come. A process reads the user's own data once."""
    return _kept(_parts, _unprepared(dataset), lambda: READERS[type(dataset)](dataset))


def _unprepared(dataset: Dataset) -> str:
    """Return a key of the settings that determine which examples are read."""
    return repr(replace(dataset, mean=None, std=None, scale=None, validation=None))


def facts(dataset: Dataset) -> Facts:
    """Return what `dataset` is like. Of a published data set, only a missing mean requires reading it.

    Raises:
        UsageError: The data cannot be read, or the settings do not fit it.
    """
    return _kept(_facts, repr(dataset), lambda: _find_facts(dataset))


def _find_facts(dataset: Dataset) -> Facts:
    if isinstance(dataset, NamedDataset) and (known := _known_facts(dataset)):
        return known
    train, validation, test, classes = _splits(dataset)
    height, width, channels = train.images.shape[1:]
    divisor = DIVISORS[dataset.scale or ("1/255" if train.images.dtype == np.uint8 else "none")]
    check_channels("mean", dataset.mean, channels, f"dataset={dataset.name}")
    check_channels("std", dataset.std, channels, f"dataset={dataset.name}")
    mean, std = _moments(train.images, divisor)
    return Facts(
        label=dataset.name if isinstance(dataset, NamedDataset) else _label(dataset),
        shape=(channels, height, width),
        classes=classes,
        mean=tuple(dataset.mean or mean),
        std=tuple(dataset.std or std),
        divisor=divisor,
        sizes=_sizes(len(train), len(validation), len(test)),
    )


def _known_facts(dataset: NamedDataset) -> Facts | None:
    """Return the facts of a published data set, or None if its files must be read to find them."""
    source = SOURCES[dataset.name]
    if not (dataset.mean and dataset.std and dataset.validation and source.train and source.test):
        return None
    return Facts(
        label=dataset.name,
        shape=source.shape,
        classes=tuple(map(str, range(source.classes))),
        mean=tuple(dataset.mean),
        std=tuple(dataset.std),
        divisor=DIVISORS[dataset.scale or "1/255"],
        sizes=_sizes(source.train - dataset.validation, dataset.validation, source.test),
    )


def _sizes(train: int, validation: int, test: int) -> dict[str, int]:
    return {"train": train, "validation": validation, "test": test}


def _label(dataset: Dataset) -> str:
    """Return the name of the user's own data in results. Two data sets with the same name have different labels."""
    name = dataset.target if isinstance(dataset, CustomDataset) else Path(str(dataset.root)).resolve().stem
    return f"{printable(name)[:100]} ({dataset.name} {content_hash(dataset)[:8]})"


def _moments(images: np.ndarray, divisor: float) -> tuple[list[float], list[float]]:
    """Return the mean and the standard deviation of each channel of `images` / `divisor`.

    Rounded to 4 digits, so that the order of the summation does not matter. A constant channel has deviation 1.
    """
    pixels = images.reshape(-1, images.shape[-1])
    if images.dtype == np.uint8:  # exact, and without a copy of all pixels in floating point
        counts = [np.bincount(pixels[:, channel], minlength=256) for channel in range(pixels.shape[1])]
        values = np.arange(256)
        means = [float(count @ values) / len(pixels) for count in counts]
        variances = [
            float(count @ (values - mean) ** 2) / len(pixels) for count, mean in zip(counts, means, strict=True)
        ]
        deviations = [math.sqrt(variance) for variance in variances]
    else:
        means = pixels.mean(axis=0, dtype=np.float64).tolist()
        deviations = pixels.std(axis=0, dtype=np.float64).tolist()
    return (
        [float(f"{mean / divisor:.4g}") for mean in means],
        [float(f"{deviation / divisor:.4g}") or 1.0 for deviation in deviations],
    )


def _splits(dataset: Dataset) -> tuple[Examples, Examples, Examples, tuple[str, ...]]:
    """Return the training, validation and test examples, and the names of the classes."""
    parts = _read(dataset)
    if parts.validation is not None:
        if dataset.validation not in (None, len(parts.validation)):
            raise UsageError(
                f"dataset.validation={dataset.validation}: the data has its own validation split of "
                f"{len(parts.validation):,} images. Leave dataset.validation=null."
            )
        return parts.train, parts.validation, parts.test, parts.classes
    size = dataset.validation or max(1, len(parts.train) // 10)
    largest = len(parts.train) - len(parts.classes)
    if size > largest:
        raise UsageError(
            f"dataset.validation={size}: must be at most {largest:,}, because the data has {len(parts.train):,} "
            f"training images of {len(parts.classes)} classes."
        )
    train, held_out = stratified_split(parts.train.labels, size)
    return parts.train.take(train), parts.train.take(held_out), parts.test, parts.classes


def content_hash(dataset: Dataset) -> str:
    """Return a hash of the user's own data as it was read: the images and labels of each part."""
    return _kept(_hashes, _unprepared(dataset), lambda: _hash_of_arrays(dataset))


def _hash_of_arrays(dataset: Dataset) -> str:
    result = hashlib.sha256()
    for name, part in _read(dataset).named().items():
        for array in (part.images, part.labels):
            result.update(repr((name, array.shape, array.dtype.str)).encode())
            result.update(np.ascontiguousarray(array).data)
    return result.hexdigest()


def fingerprint(dataset: Dataset) -> str:
    """Return a hash of everything that the tensors depend on: the content, the split and the normalization.

    Raises:
        UsageError: A file is missing and cannot be downloaded, or has the wrong size or content.
    """
    found = facts(dataset)
    if isinstance(dataset, NamedDataset):
        download_missing(dataset.name, dataset.folder())
        content: Any = (dataset.name, checksums(dataset.name, dataset.folder()))
    else:
        content = content_hash(dataset)
    parts = (content, found.sizes["validation"], SPLIT_SEED, found.mean, found.std, found.divisor)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def load(dataset: Dataset, device: str, layout: str = CHANNELS_LAST) -> Data:
    """Return the data set on `device` in a memory layout. A process keeps the data set that it loaded last.

    Raises:
        UsageError: A file is missing and cannot be downloaded, or is damaged.
    """
    return _kept(_loaded, repr((dataset, device, layout)), lambda: _shared(dataset, device, layout))


def _shared(dataset: Dataset, device: str, layout: str) -> Data:
    """Return the data set, in the CPU's memory once for all workers of a sweep."""
    if device != "cpu" or not is_sharing():
        return _load(dataset, device, layout)

    def make() -> dict[str, Tensor]:
        data = _load(dataset, device, layout)
        parts = {name: getattr(data, name) for name in SPLITS}
        tensors = {f"{name}/{field}": getattr(part, field) for name, part in parts.items() for field in FIELDS}
        return {**tensors, "zero": data.zero}

    found = shared(fingerprint(dataset) + layout, make)
    splits = {name: Split(*(found[f"{name}/{field}"] for field in FIELDS)) for name in SPLITS}
    return Data(**splits, zero=found["zero"])


def _load(dataset: Dataset, device: str, layout: str) -> Data:
    found = facts(dataset)
    train, validation, test, _ = _splits(dataset)
    mean, std = (torch.tensor(values, device=device) for values in (found.mean, found.std))

    def normalized(part: Examples) -> Split:
        values = torch.from_numpy(part.images).to(device, torch.float32, copy=True)
        if found.divisor != 1:
            values.div_(found.divisor)
        images = values.sub_(mean).div_(std).permute(0, 3, 1, 2)
        if layout != CHANNELS_LAST:
            images = in_layout(images, layout)
        return Split(images, torch.from_numpy(part.labels).to(device))

    zero = torch.zeros(len(found.mean), device=device).sub_(mean).div_(std)
    return Data(normalized(train), normalized(validation), normalized(test), zero)
