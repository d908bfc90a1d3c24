"""The list of formats, and access to exported files. The files may come from other people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from prunesweep.errors import UsageError, printable
from prunesweep.experiment.saved import refuse_code
from prunesweep.export import compacted, csr, dense, onnx_graph, packed, program
from prunesweep.export.c import form as c
from prunesweep.export.description import Description, check, checksum, shown
from prunesweep.export.description import parse as fields_of
from prunesweep.export.invalid import LIMIT, InvalidFile, shortened
from prunesweep.export.protocol import Executes, Format, Network
from prunesweep.files import read_regular

FORMATS = {
    form.name: form
    for form in (dense.FORMAT, program.FORMAT, onnx_graph.FORMAT, csr.FORMAT, compacted.FORMAT, packed.FORMAT, c.FORMAT)
}
"""The formats by name."""


@dataclass(frozen=True)
class Export:
    """An exported file, read into memory, so that what is checked is what is used.

    Attributes:
        path: The file, for messages.
        content: Its bytes.
        values: The fields of its description, including those that this release does not know.
        description: The checked description.
    """

    path: Path
    content: bytes
    values: Mapping[str, Any]
    description: Description


def pack(form: Format, model: nn.Module, description: Description) -> bytes:
    """Return the content of a file with `model`, in evaluation mode, and its description with a checksum."""
    content = form.save(model, description)
    return form.container.attach(content, description.dumps(form.container.content_hash(content)))


def read(path: Path) -> Export:
    """Return the exported file at `path`, without executing anything in it.

    Raises:
        UsageError: The file does not exist, is not an export, or has an invalid description.
    """
    try:
        content = read_regular(path, LIMIT)
    except FileNotFoundError as error:
        raise UsageError(f"{path}: does not exist.") from error
    except ValueError as error:
        raise UsageError(f"{path}: {error}.") from error
    return parse(path, content)


def parse(path: Path, content: bytes) -> Export:
    """Return the exported file with the given content, without executing anything in it.

    Raises:
        UsageError: The file is not an export or has an invalid description.
    """
    head = content[:9]
    container = next((form.container for form in FORMATS.values() if form.container.recognizes(head)), None)
    with _named(path, "is not an export of prunesweep"):
        text = container.read(content) if container else None
        if not text:
            raise InvalidFile("is not an export of prunesweep")
        values = fields_of(text)
        description = check(values)
        if description.format not in FORMATS or FORMATS[description.format].container is not container:
            raise InvalidFile(f"is not a file of the format {shown(description.format)} in its description")
    return Export(path, content, values, description)


def load(export: Export, *, trust: bool) -> Network:
    """Return the network in an exported file.

    Args:
        export: The file, from `read`.
        trust: Whether the file may execute code.

    Raises:
        UsageError: The file would execute code and `trust` is not set, does not have the checksum in its description,
            or is damaged.
    """
    path, description = export.path, export.description
    form = FORMATS[description.format]
    if not trust:
        if form.executes is Executes.FILE:
            raise UsageError(
                f"{path}: is a file with code (format {form.name}), which would be executed. Pass --trust to allow it."
            )
        if form.executes is Executes.NETWORK:
            refuse_code(path, {"model": description.model})
    with _named(path, "cannot be read"):
        actual = checksum(export.values, form.container.content_hash(export.content))
        if description.checksum not in (None, actual):
            raise InvalidFile("does not have the checksum in its description: it was changed after the export")
        return form.load(export.content, description)


@contextmanager
def _named(path: Path, fault: str) -> Iterator[None]:
    """Raise every error as a `UsageError` that names the file; `fault` describes the error of another library."""
    try:
        yield
    except UsageError:
        raise
    except InvalidFile as error:
        raise UsageError(f"{path}: {printable(error)}.") from error
    except Exception as error:  # each library has its own exceptions for a damaged file
        raise UsageError(f"{path}: {fault} ({summary(error)}).") from error


def summary(error: Exception) -> str:
    """Return the type and the first line of the message of an error, which may contain text from a file."""
    return printable(shortened(f"{type(error).__name__}: {error}".partition("\n")[0]))
