"""`csr`: only the nonzero weights and their positions, as compressed sparse rows in a safetensors file.

A tensor `[rows, ...]` is stored as three arrays:

- `values`: the nonzero values, row by row
- `counts`: the number of nonzero values in each row
- `gaps`: the distance in columns of each value from the previous value in its row, the first one from column 0

Gaps are small: at 90 % sparsity, nearly every gap fits into one byte, where a column number would need two. Each
array has the smallest unsigned type that holds its values. A tensor that would not become smaller is stored densely.
Zero means that all bits are zero: a weight of -0.0 is stored, so that reading returns exactly the written bits.
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
from prunesweep.export.dense import metadata, rebuild
from prunesweep.export.description import Description
from prunesweep.export.protocol import Executes, Format

Array = np.ndarray[Any, Any]

PARTS = ("values", "counts", "gaps")
SHAPES = "shapes"
"""Key in the metadata of the shapes of the sparse tensors, as JSON."""


def save(model: nn.Module, path: Path, description: Description) -> None:
    """Write the weights of `model`."""
    stored: dict[str, Array] = {}
    shapes: dict[str, list[int]] = {}
    for name, tensor in model.state_dict().items():
        array = tensor.detach().numpy()
        parts = encode(array)
        if sum(part.nbytes for part in parts.values()) < array.nbytes:
            stored.update({f"{name}/{part}": content for part, content in parts.items()})
            shapes[name] = list(array.shape)
        else:
            stored[name] = array
    save_file(stored, path, {**metadata(description), SHAPES: json.dumps(shapes)})


def load(path: Path, description: Description) -> nn.Module:
    """Return the network in the file at `path`."""
    return rebuild(read(path), description)


def read(path: Path) -> dict[str, Tensor]:
    """Return the dense tensors in the file at `path` by name.

    Raises:
        UsageError: The arrays in the file do not fit together.
    """
    arrays = load_file(path)
    with safe_open(path, "numpy") as file:
        shapes = (file.metadata() or {}).get(SHAPES, "")
    try:
        for name, shape in json.loads(shapes).items():
            parts = {part: arrays.pop(f"{name}/{part}") for part in PARTS}
            arrays[name] = decode(parts, shape)
        return {name: torch.from_numpy(array) for name, array in arrays.items()}
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, MemoryError) as error:
        raise UsageError(f"{path}: is damaged ({type(error).__name__}: {error}).") from error


def encode(array: Array) -> dict[str, Array]:
    """Return `values`, `counts` and `gaps` of `array`.

    The rows [0, 5, 0, 7] and [0, 0, 0, 2] have the values 5 7 2, the counts 2 1, and the gaps 1 2 3.

    Args:
        array: An array `[rows, ...]`. An array of one dimension is one row.
    """
    table = np.ascontiguousarray(array).reshape(array.shape[0] if array.ndim > 1 else 1, -1)  # [rows, columns]
    rows, columns = np.nonzero(table.view(f"u{table.itemsize}"))
    counts = np.bincount(rows, minlength=len(table))
    starts_row = np.diff(rows, prepend=-1) > 0
    gaps = np.where(starts_row, columns, np.diff(columns, prepend=0))
    return {"values": table[rows, columns], "counts": _smallest(counts), "gaps": _smallest(gaps)}


def decode(parts: Mapping[str, Array], shape: list[int]) -> Array:
    """Return the array of the given shape from the output of `encode`.

    Raises:
        ValueError: A position is outside the array.
    """
    values, counts, gaps = parts["values"], parts["counts"].astype(np.int64), parts["gaps"].astype(np.int64)
    result = np.zeros(shape, values.dtype)
    table = result.reshape(len(counts), -1)  # [rows, columns]
    rows = np.repeat(np.arange(len(counts)), counts)
    sums = np.cumsum(gaps)
    row_offsets = np.concatenate([[0], sums])[np.cumsum(counts) - counts]  # the sum of all gaps in earlier rows
    columns = sums - row_offsets[rows]
    if len(rows) != len(values) or columns.max(initial=0) >= max(1, table.shape[1]):
        raise ValueError("a position is outside the tensor")
    table[rows, columns] = values
    return result


def _smallest(numbers: Array) -> Array:
    """Return `numbers` in the smallest unsigned integer type that holds them."""
    return numbers.astype(np.min_scalar_type(int(numbers.max(initial=0))))


FORMAT = Format("csr", ".csr.safetensors", exact=True, executes=Executes.NETWORK, save=save, load=load)
