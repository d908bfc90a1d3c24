"""The formats by name, and which of them a file is in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open
from torch import nn

from prunesweep.errors import UsageError
from prunesweep.export import compacted, csr, dense, onnx_graph, program
from prunesweep.export.description import KEY, Description, loads
from prunesweep.export.verify import Network


@dataclass(frozen=True)
class Format:
    """How a network is written to a file and read back.

    Attributes:
        suffix: of the file's name.
        exact: whether what is read back computes the same bits; else logits to within `verify.NEAR`.
        save: (model, path, description).
        load: (path, description, trust); without trust, nothing that is code is read.
    """

    suffix: str
    exact: bool
    save: Callable[[nn.Module, Path, Description], None]
    load: Callable[[Path, Description, bool], Network]


FORMATS = {
    "safetensors": Format(".safetensors", True, dense.save, dense.load),
    "torch": Format(".pt2", False, program.save, program.load),
    "onnx": Format(".onnx", False, onnx_graph.save, onnx_graph.load),
    "csr": Format(".csr.safetensors", True, csr.save, csr.load),
    "compact": Format(".compact.safetensors", False, compacted.save, compacted.load),
}


def describe(path: Path) -> Description:
    """What the exported file at `path` tells of itself; nothing in it is run.

    Raises:
        UsageError: it is not there, or no export.
    """
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file.")
    try:
        found = loads(path, _metadata(path))
    except UsageError:
        raise
    except Exception as error:  # each library has its own for a file that is not one of its format
        raise UsageError(f"{path}: is not an export of prunesweep.") from error
    if found.format not in FORMATS:
        raise UsageError(f"{path}: is not an export of prunesweep.")
    return found


def _metadata(path: Path) -> str | bytes | None:
    with path.open("rb") as file:
        head = file.read(9)
    if head[:4] == b"PK\x03\x04":
        return program.described(path)
    if head[8:] == b"{":  # after the header's length in 8 bytes
        with safe_open(path, "numpy") as tensors:
            return (tensors.metadata() or {}).get(KEY)
    return onnx_graph.described(path) if head[:1] == b"\x08" else None  # the number of ONNX's format comes first


def load(path: Path, description: Description, *, trust: bool) -> Network:
    """The network of the exported file at `path`.

    Raises:
        UsageError: it is code and not trusted, or it is damaged.
    """
    try:
        return FORMATS[description.format].load(path, description, trust)
    except UsageError:
        raise
    except Exception as error:  # a stranger's file: whatever its library says of it
        raise UsageError(f"{path}: cannot be read ({type(error).__name__}: {error}).") from error
