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
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from prunesweep.errors import UsageError
from prunesweep.export.description import Description
from prunesweep.export.invalid import LIMIT, InvalidFile
from prunesweep.export.protocol import Executes, Format
from prunesweep.export.rebuild import rebuild
from prunesweep.export.tensor_file import SAFETENSORS, metadata, pack, unpack
from prunesweep.files import read_regular
from prunesweep.models.tensors import own_tensors

Array = np.ndarray[Any, Any]

PARTS = ("values", "counts", "gaps")
SHAPES = "shapes"
"""Key in the metadata of the shapes of the sparse tensors, as JSON."""


def save(model: nn.Module, _: Description) -> bytes:
    """Return a file with the weights of `model`."""
    return compress(own_tensors(model))


def load(content: bytes, description: Description) -> nn.Module:
    """Return the network in a file."""
    return rebuild(expand(content), description)


def read(path: Path) -> dict[str, Tensor]:
    """Return the dense tensors in the file at `path` by name.

    Raises:
        UsageError: The file cannot be read, or its arrays do not fit together.
    """
    try:
        return expand(read_regular(path, LIMIT))
    except Exception as error:  # a damaged file can raise any exception of the library that reads it
        raise UsageError(f"{path}: {error}.") from error


def compress(tensors: Mapping[str, Tensor]) -> bytes:
    """Return the content of a file with `tensors`."""
    stored: dict[str, Tensor] = {}
    shapes: dict[str, list[int]] = {}
    for name, tensor in tensors.items():
        parts = encode(tensor.detach().numpy())
        if sum(part.nbytes for part in parts.values()) < tensor.nbytes:
            stored.update({f"{name}/{part}": torch.from_numpy(array) for part, array in parts.items()})
            shapes[name] = list(tensor.shape)
        else:
            stored[name] = tensor
    return pack(stored, {SHAPES: json.dumps(shapes)})


def expand(content: bytes) -> dict[str, Tensor]:
    """Return the dense tensors in the content of a file by name.

    Raises:
        InvalidFile: The arrays do not fit together, or the tensors are larger than `LIMIT` bytes.
    """
    tensors = unpack(content)
    shapes = json.loads(metadata(content).get(SHAPES, ""))
    if not isinstance(shapes, dict):
        raise InvalidFile(f"has metadata {SHAPES} that is not a JSON object")
    sparse = {name: _take_parts(tensors, name) for name in shapes}
    size = sum(tensor.nbytes for tensor in tensors.values())
    for name, shape in shapes.items():
        if not isinstance(shape, list) or not all(type(length) is int and length >= 0 for length in shape):
            raise InvalidFile(f"has a shape of {name} that is not a list of lengths")
        size += math.prod(shape) * sparse[name]["values"].itemsize
    if size > LIMIT:
        raise InvalidFile(f"has tensors of {size:,} bytes, more than {LIMIT:,}")
    for name, shape in shapes.items():
        try:
            tensors[name] = torch.from_numpy(decode(sparse[name], shape))
        except ValueError as error:
            raise InvalidFile(f"has a tensor {name} of shape {shape} in which {error}") from error
    return tensors


def _take_parts(tensors: dict[str, Tensor], name: str) -> dict[str, Array]:
    """Remove the parts of the tensor `name` from `tensors` and return them."""
    parts = {part: tensors.pop(f"{name}/{part}", None) for part in PARTS}
    missing = [part for part, tensor in parts.items() if tensor is None]
    if missing or name in tensors:
        raise InvalidFile(f"does not have {name}/{missing[0]}" if missing else f"has the tensor {name} twice")
    return {part: tensor.numpy() for part, tensor in parts.items() if tensor is not None}


def encode(array: Array) -> dict[str, Array]:
    """Return `values`, `counts` and `gaps` of `array`.

    The rows [0, 5, 0, 7] and [0, 0, 0, 2] have the values 5 7 2, the counts 2 1, and the gaps 1 2 3.

    Args:
        array: An array `[rows, ...]`. An array of one dimension is one row.
    """
    table = np.ascontiguousarray(array).reshape(_table_shape(list(array.shape)))  # [rows, columns]
    rows, columns = np.nonzero(table.view(f"u{table.itemsize}"))
    counts = np.bincount(rows, minlength=len(table))
    starts_row = np.diff(rows, prepend=-1) > 0
    gaps = np.where(starts_row, columns, np.diff(columns, prepend=0))
    return {"values": table[rows, columns], "counts": _smallest(counts), "gaps": _smallest(gaps)}


def decode(parts: Mapping[str, Array], shape: list[int]) -> Array:
    """Return the array of the given shape from the output of `encode`.

    The parts are checked before the array is allocated: every value has a position of its own inside the array.

    Raises:
        ValueError: The parts do not describe an array of this shape. The message says what is wrong.
    """
    values, counts, gaps = (parts[part] for part in PARTS)
    rows, columns = _table_shape(shape)
    if any(array.dtype.kind != "u" for array in (counts, gaps)):
        raise ValueError("counts and gaps are not unsigned integers")
    if any(array.ndim != 1 for array in (values, counts, gaps)) or len(counts) != rows or len(gaps) != len(values):
        raise ValueError("the lengths of values, counts and gaps do not fit")
    if counts.max(initial=0) > columns or counts.sum(dtype=np.int64) != len(values):
        raise ValueError("the counts are not those of the values")
    if gaps.max(initial=0) >= max(1, columns):
        raise ValueError("a position is outside the tensor")
    counts = counts.astype(np.int64)
    sums = np.cumsum(gaps, dtype=np.int64)
    starts = (np.cumsum(counts) - counts)[counts > 0]  # the index of the first value of each row that has one
    row_offsets = np.concatenate([[0], sums])[starts]  # the sum of all gaps in earlier rows
    positions = sums - np.repeat(row_offsets, counts[counts > 0])
    if positions.max(initial=0) >= max(1, columns):
        raise ValueError("a position is outside the tensor")
    if np.count_nonzero(np.delete(gaps, starts) == 0):
        raise ValueError("two values have the same position")
    result = np.zeros(shape, values.dtype)
    result.reshape(rows, columns)[np.repeat(np.arange(rows), counts), positions] = values
    return result


def _table_shape(shape: list[int]) -> tuple[int, int]:
    """Return the rows and columns of the table in which an array of `shape` is stored."""
    return (shape[0], math.prod(shape[1:])) if len(shape) > 1 else (1, math.prod(shape))


def _smallest(numbers: Array) -> Array:
    """Return `numbers` in the smallest unsigned integer type that holds them."""
    return numbers.astype(np.min_scalar_type(int(numbers.max(initial=0))))


FORMAT = Format(
    "csr", ".csr.safetensors", exact=True, executes=Executes.NETWORK, container=SAFETENSORS, save=save, load=load
)
