"""What was pruned, as small pictures: masks of the layers of a run, kernels, and histograms of weights.

The files may come from other people. They are read as plain arrays, within a limit, and a file that does not fit has
no pictures.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from prunesweep.files import read_inside
from prunesweep.results.run_directory import RunDirectory
from prunesweep.store.settings import StoreSettings

WEIGHTS = "model.safetensors"
MAX_FILE = 32 * 2**20
"""The largest file of weights that is read, in bytes."""
MAX_LAYERS = 12
MAX_SIDE = 100
"""The largest side of the picture of a matrix. Larger matrices are drawn in blocks, each with the part that is left."""
MAX_KERNELS = 64
"""How many kernels of a layer are drawn: the first ones."""
BINS = 41

Weights = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Picture:
    """The picture of a layer.

    Attributes:
        kind: `kernels` (a byte for each weight: 0 is pruned, 128 is zero), `input` (a byte for each input pixel) or
            `matrix` (a byte for each block of weights): the part of the weights that is left, relative to the largest.
        rows, columns: The size of the picture, or of a single kernel.
        count: The number of kernels that are drawn, or 1.
        shape: The shape of the weights.
        left: The part of the weights of the layer that is left.
        least, most: The smallest and the largest part that is left of a pixel or a block. The largest is the byte 255.
            None for kernels.
        data: The bytes as base64.
    """

    layer: str
    kind: str
    rows: int
    columns: int
    count: int
    shape: tuple[int, ...]
    left: float
    least: float | None
    most: float | None
    data: str


@dataclass(frozen=True)
class Histogram:
    """How many weights a layer has in bins of equal width from `-end` to `end`.

    Attributes:
        before: Counts in the dense network, if its weights are still in the store.
        after: Counts of the weights that are left.
    """

    layer: str
    end: float
    before: list[int] | None
    after: list[int]


def selected(front: Sequence[int], runs: int, limit: int) -> list[int]:
    """Return which of the runs get pictures: those on the frontier, and an even selection of the others."""
    first = list(dict.fromkeys(front))[:limit]
    rest = [run for run in range(runs) if run not in set(first)]
    step = max(1, -(-len(rest) // max(1, limit - len(first))))
    return sorted([*first, *rest[::step][: limit - len(first)]])


def weights_of(run: RunDirectory) -> Weights | None:
    """Return the final weights of a run, or None if its file cannot be read."""
    return _read(run.folder, Path(WEIGHTS), "")


def dense_weights_of(run: RunDirectory) -> Weights | None:
    """Return the weights of the dense network of a run from the user's store, or None if they are not there.

    The config of a run can come from other people, so the path of the store in it is not opened.
    """
    digest = run.result["dense_digest"]
    if len(digest) != 64 or not digest.isalnum():
        return None
    return _read(StoreSettings().folder, Path(digest[:2]) / f"{digest}.safetensors", "weights/")


def _read(folder: Path, name: Path, prefix: str) -> Weights | None:
    try:
        arrays = load(read_inside(folder, name, MAX_FILE))
    except (OSError, ValueError, SafetensorError, KeyError):
        return None
    found = {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}
    return {
        key.removesuffix(".weight"): array
        for key, array in found.items()
        if key.endswith(".weight") and array.ndim in (2, 4) and array.size and np.isfinite(array).all()
    }


def pictures(weights: Weights, layers: Sequence[str]) -> list[Picture]:
    """Return the pictures of the layers, in their order. A first linear layer of a square image is drawn over it."""
    known = [name for name in layers if name in weights][:MAX_LAYERS]
    found: list[Picture] = []
    for place, name in enumerate(known):
        weight = weights[name]
        if weight.ndim == 4:
            found.append(_kernels(name, weight))
            continue
        if place == 0 and isqrt(weight.shape[1]) ** 2 == weight.shape[1] and weight.shape[1] >= 64:
            found.append(_input(name, weight))
        found.append(_matrix(name, weight))
    return found


def histograms(weights: Weights, dense: Weights | None, layers: Sequence[str]) -> list[Histogram]:
    """Return the histograms of the weights of each layer, without those that are pruned."""
    found = []
    for name in [layer for layer in layers if layer in weights][:MAX_LAYERS]:
        after = weights[name]
        before = dense[name] if dense and name in dense and dense[name].shape == after.shape else None
        end = float(f"{max(np.abs(each).max() for each in (after, before) if each is not None):.3g}") * 1.01 or 1.0
        count = None if before is None else np.histogram(before, BINS, (-end, end))[0].tolist()
        found.append(Histogram(name, end, count, np.histogram(after[after != 0], BINS, (-end, end))[0].tolist()))
    return found


def _kernels(name: str, weight: NDArray[Any]) -> Picture:
    """Return the kernels from -1 to 1 as bytes from 1 to 255. A pruned weight is 0."""
    rows, columns = weight.shape[2:]
    kernels = weight.reshape(-1, rows, columns)[:MAX_KERNELS]
    scaled = np.rint(kernels / (np.abs(kernels).max() or 1) * 127 + 128).astype(np.uint8)
    scaled[kernels == 0] = 0
    return _picture(name, "kernels", scaled, (rows, columns), len(kernels), weight)


def _input(name: str, weight: NDArray[Any]) -> Picture:
    side = isqrt(weight.shape[1])
    return _shares(name, "input", (weight != 0).mean(axis=0).reshape(side, side), weight)


def _matrix(name: str, weight: NDArray[Any]) -> Picture:
    left = (weight != 0).astype(np.float64)
    for axis in (0, 1):
        size = left.shape[axis]
        edges = np.arange(0, size, max(1, -(-size // MAX_SIDE)))
        sizes = np.diff([*edges, size])
        left = np.add.reduceat(left, edges, axis=axis) / (sizes[:, None] if axis == 0 else sizes)
    return _shares(name, "matrix", left, weight)


def _shares(name: str, kind: str, left: NDArray[np.float64], weight: NDArray[Any]) -> Picture:
    """Return a picture of shares. The scale ends at the largest share, so that small ones are visible."""
    least, most = float(left.min()), float(left.max())
    scaled = np.rint(255 * left / (most or 1)).astype(np.uint8)
    return _picture(name, kind, scaled, left.shape, 1, weight, least, most)


def _picture(
    name: str,
    kind: str,
    content: NDArray[np.uint8],
    size: tuple[int, ...],
    count: int,
    weight: NDArray[Any],
    least: float | None = None,
    most: float | None = None,
) -> Picture:
    rows, columns = size
    left, data = float((weight != 0).mean()), base64.b64encode(content.tobytes()).decode()
    return Picture(name, kind, rows, columns, count, weight.shape, left, least, most, data)
