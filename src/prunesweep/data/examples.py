"""Images and labels as arrays, and the checks of data that users bring themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from prunesweep.errors import UsageError

Array = np.ndarray[Any, Any]

MAX_PIXELS = 2**31
"""The largest number of pixel values of a data set: 8 GiB as float32."""


@dataclass(frozen=True)
class Examples:
    """Images `[n, height, width, channels]`, uint8 or float32, and their labels `[n]`, int64."""

    images: Array
    labels: Array

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Array) -> Examples:
        """Return the examples at `indices` `[m]`, in that order."""
        return Examples(self.images[indices], self.labels[indices])


@dataclass(frozen=True)
class Parts:
    """The examples of a data set as it comes.

    Attributes:
        train: The training examples. Without `validation`, some of them are held out.
        test: The test examples.
        classes: The names of the classes, in the order of their labels.
        validation: The data's own validation split, or None.
    """

    train: Examples
    test: Examples
    classes: tuple[str, ...]
    validation: Examples | None = None

    def named(self) -> dict[str, Examples]:
        """Return the parts that exist by name."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: part for name, part in parts.items() if part is not None}


def as_images(values: Any, where: str, *, channels_first: bool = False) -> Array:
    """Return images as an array `[n, height, width, channels]` of uint8 or float32.

    Args:
        values: An array of images: `[n, height, width]`, or with channels in the last or the second place. It is the
            second place if that has at most 4 entries and the last one has more.
        where: What the images are, for messages: `data.npz: x_train`.
        channels_first: Whether channels are in the second place in any case.

    Raises:
        UsageError: The array has another shape, or values that are not numbers or not finite.
    """
    images = np.asarray(values)
    if images.ndim == 3:
        images = images[..., np.newaxis]
    elif images.ndim == 4 and (channels_first or (images.shape[1] <= 4 < images.shape[3])):
        images = images.transpose(0, 2, 3, 1)
    if images.ndim != 4 or 0 in images.shape[1:]:
        raise UsageError(
            f"{where}: images have the shape {list(np.shape(values))}. Expected [n, height, width], "
            "[n, height, width, channels] or [n, channels, height, width]."
        )
    if images.size > MAX_PIXELS:
        raise UsageError(f"{where}: has {images.size:,} pixel values, more than {MAX_PIXELS:,}.")
    return np.ascontiguousarray(_numbers(images, where))


def _numbers(images: Array, where: str) -> Array:
    if images.dtype.kind in "ui":
        low, high = (int(images.min()), int(images.max())) if images.size else (0, 0)
        if low < 0 or high > 255:
            raise UsageError(
                f"{where}: has whole numbers from {low} to {high}, but pixels are from 0 to 255. Convert other values "
                "to floating-point numbers."
            )
        return images.astype(np.uint8, copy=False)
    if images.dtype.kind != "f":
        raise UsageError(f"{where}: has values of type {images.dtype}, not numbers.")
    with np.errstate(over="ignore"):
        images = images.astype(np.float32, copy=False)
    if not np.isfinite(images).all():
        raise UsageError(f"{where}: has values that are not finite numbers (NaN or infinite).")
    return images


def as_labels(values: Any, count: int, where: str) -> Array:
    """Return labels as an array `[n]` of int64.

    Args:
        values: Whole numbers `[n]` or `[n, 1]`.
        count: The number of images.
        where: What the labels are, for messages: `data.npz: y_train`.

    Raises:
        UsageError: The labels are not whole numbers, or their number is not that of the images.
    """
    labels = np.asarray(values)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "ui":
        raise UsageError(
            f"{where}: labels have the type {labels.dtype} and the shape {list(labels.shape)}. Expected one whole "
            "number for each image, [n]."
        )
    if len(labels) != count:
        raise UsageError(f"{where}: has {len(labels):,} labels for {count:,} images.")
    if labels.min(initial=0) < 0 or labels.max(initial=0) >= 2**31:
        raise UsageError(f"{where}: has labels from {labels.min()} to {labels.max()}. Labels must be 0, 1, ..., n-1.")
    return labels.astype(np.int64)


def checked(parts: Parts, where: str) -> Parts:
    """Return `parts` if they fit together.

    Raises:
        UsageError: A split is empty, images of two splits have different shapes or types, labels are not 0 to n-1, a
            class has no training example, or there are fewer than two classes.
    """
    shape, kind = parts.train.images.shape[1:], parts.train.images.dtype
    known = set(np.unique(parts.train.labels).tolist())
    for name, part in parts.named().items():
        if not len(part):
            raise UsageError(f"{where}: the {name} split is empty.")
        if part.images.shape[1:] != shape or part.images.dtype != kind:
            raise UsageError(
                f"{where}: images of the {name} split are {_described(part.images)}, but those of the train split are "
                f"{_described(parts.train.images)}. All must be alike."
            )
        others = sorted(set(np.unique(part.labels).tolist()) - known)
        if others:
            raise UsageError(
                f"{where}: the {name} split has classes without a training example: {_listed(others, parts.classes)}."
            )
    missing = sorted(set(range(max(known) + 1)) - known)
    if missing:
        raise UsageError(
            f"{where}: labels must be 0, 1, ..., n-1, but no training example has the label {_listed(missing, ())}."
        )
    if len(known) < 2:
        raise UsageError(f"{where}: has a single class. There must be at least two.")
    return parts


def _described(images: Array) -> str:
    height, width, channels = images.shape[1:]
    return f"{height}x{width} with {channels} channel(s), {images.dtype}"


def _listed(labels: Sequence[int], names: Sequence[str], limit: int = 5) -> str:
    texts = [names[label] if label < len(names) else str(label) for label in labels[:limit]]
    return ", ".join(texts) + (", ..." if len(labels) > limit else "")
