"""`csr`: the weights that are left, and where they stand, as compressed sparse rows in a safetensors file.

A tensor `[rows, …]` is stored as its `values` that are not zero, row by row; how many each row has (`counts`); and how
far each stands from the one before it in its row, the first from column 0 (`gaps`). Gaps are small numbers: at 90 %
sparsity nearly every one fits a byte, where a column would take two. Each array has the smallest unsigned type that
holds it, and a tensor that would not get smaller so stays dense. Zero is told by its bits: a weight of -0.0 is kept,
and what is read back is exactly what was written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from torch import Tensor, nn

from prunesweep.errors import UsageError
from prunesweep.export.dense import metadata, rebuilt
from prunesweep.export.description import Description

Array = np.ndarray[Any, Any]

SHAPES = "shapes"


def save(model: nn.Module, path: Path, description: Description) -> None:
    """Write the weights of `model`."""
    arrays = {name: tensor.detach().numpy() for name, tensor in model.state_dict().items()}
    stored: dict[str, Array] = {}
    shapes: dict[str, list[int]] = {}
    for name, array in arrays.items():
        sparse = encode(array)
        if sum(part.nbytes for part in sparse.values()) < array.nbytes:
            stored.update({f"{name}/{part}": content for part, content in sparse.items()})
            shapes[name] = list(array.shape)
        else:
            stored[name] = array
    save_file(stored, path, {**metadata(description), SHAPES: json.dumps(shapes)})


def load(path: Path, description: Description, trust: bool) -> nn.Module:
    """The network of the file at `path`."""
    return rebuilt(read(path), path, description, trust)


def read(path: Path) -> dict[str, Tensor]:
    """The dense weights of the file at `path`.

    Raises:
        UsageError: its arrays do not fit each other.
    """
    arrays = load_file(path)
    with safe_open(path, "numpy") as file:
        told = (file.metadata() or {}).get(SHAPES, "")
    try:
        for name, shape in json.loads(told).items():
            parts = {part: arrays.pop(f"{name}/{part}") for part in ("values", "counts", "gaps")}
            arrays[name] = decode(parts, shape)
        return {name: torch.from_numpy(array) for name, array in arrays.items()}
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, MemoryError) as error:
        raise UsageError(f"{path}: is damaged ({type(error).__name__}: {error}).") from error


def encode(array: Array) -> dict[str, Array]:
    """`values`, `counts` and `gaps` of `array`.

    Two rows, [0, 5, 0, 7] and [0, 0, 0, 2]: values 5 7 2, counts 2 1, gaps 1 2 3.
    """
    table = np.ascontiguousarray(array).reshape(array.shape[0] if array.ndim > 1 else 1, -1)
    rows, columns = np.nonzero(table.view(f"u{table.itemsize}"))
    counts = np.bincount(rows, minlength=len(table))
    starts_row = np.diff(rows, prepend=-1) > 0
    gaps = np.where(starts_row, columns, np.diff(columns, prepend=0))
    return {"values": table[rows, columns], "counts": _smallest(counts), "gaps": _smallest(gaps)}


def decode(parts: Mapping[str, Array], shape: list[int]) -> Array:
    """The array of `shape` whose `encode` gave `parts`."""
    values, counts, gaps = parts["values"], parts["counts"].astype(np.int64), parts["gaps"].astype(np.int64)
    result = np.zeros(shape, values.dtype)
    table = result.reshape(len(counts), -1)
    rows = np.repeat(np.arange(len(counts)), counts)
    reached = np.cumsum(gaps)
    before = np.concatenate([[0], reached])[np.cumsum(counts) - counts]  # what had been added up when each row began
    columns = reached - before[rows]
    if len(rows) != len(values) or columns.max(initial=0) >= max(1, table.shape[1]):
        raise ValueError("its positions lie outside")
    table[rows, columns] = values
    return result


def _smallest(numbers: Array) -> Array:
    return numbers.astype(np.min_scalar_type(int(numbers.max(initial=0))))
