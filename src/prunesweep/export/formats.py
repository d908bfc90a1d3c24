"""The list of formats, and access to exported files. The files may come from other people."""

from __future__ import annotations

from pathlib import Path

from safetensors import safe_open

from prunesweep.errors import UsageError
from prunesweep.experiment.saved import refuse_code
from prunesweep.export import compacted, csr, dense, onnx_graph, program
from prunesweep.export.description import KEY, Description, loads
from prunesweep.export.protocol import Executes, Network

FORMATS = {form.name: form for form in (dense.FORMAT, program.FORMAT, onnx_graph.FORMAT, csr.FORMAT, compacted.FORMAT)}
"""The formats by name."""

ZIP_MAGIC = b"PK\x03\x04"
ONNX_MAGIC = b"\x08"
"""The first field of an ONNX file: the version of the format."""


def describe(path: Path) -> Description:
    """Return the description of the exported file at `path`, without executing anything in the file.

    Raises:
        UsageError: The file does not exist or is not an export.
    """
    if not path.is_file():
        raise UsageError(f"{path}: does not exist, or is not a file.")
    try:
        description = loads(path, _read_description(path))
    except UsageError:
        raise
    except Exception as error:  # each library has its own exceptions for a file in another format
        raise UsageError(f"{path}: is not an export of prunesweep.") from error
    if description.format not in FORMATS:
        raise UsageError(f"{path}: is not an export of prunesweep.")
    return description


def load(path: Path, description: Description, *, trust: bool) -> Network:
    """Return the network in the exported file at `path`.

    Args:
        path: An exported file.
        description: The description of the file, from `describe`.
        trust: Whether the file may execute code.

    Raises:
        UsageError: The file would execute code and `trust` is not set, or it is damaged.
    """
    form = FORMATS[description.format]
    if not trust:
        if form.executes is Executes.FILE:
            raise UsageError(
                f"{path}: is a file with code (format {form.name}), which would be executed. Pass --trust to allow it."
            )
        if form.executes is Executes.NETWORK:
            refuse_code(path, {"model": description.model})
    try:
        return form.load(path, description)
    except UsageError:
        raise
    except Exception as error:  # a damaged file can raise any exception of the library that reads it
        raise UsageError(f"{path}: cannot be read ({type(error).__name__}: {error}).") from error


def _read_description(path: Path) -> str | bytes | None:
    """Return the JSON of the description. The first bytes of the file determine its container."""
    with path.open("rb") as file:
        head = file.read(9)
    if head.startswith(ZIP_MAGIC):
        return program.read_description(path)
    if head[8:] == b"{":  # safetensors: a JSON header after its length in 8 bytes
        with safe_open(path, "numpy") as tensors:
            return (tensors.metadata() or {}).get(KEY)
    return onnx_graph.read_description(path) if head.startswith(ONNX_MAGIC) else None
