"""Safetensors files: their tensors, their metadata, and the description in it.

The layout is an 8-byte length, a JSON header of that length, and the bytes of the tensors. The safetensors library
checks that the tensors fill the file exactly, so that a file never unpacks to more than its size.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from safetensors.torch import load, save
from torch import Tensor

from prunesweep.chain.state import tensor_hash
from prunesweep.export.description import KEY
from prunesweep.export.invalid import InvalidFile
from prunesweep.export.protocol import Container
from prunesweep.files import canonical, sha256

HEADER_LIMIT = 4_000_000
"""The largest header in bytes. A tensor takes about 100 bytes of it."""

DTYPES = ("F64", "F32", "F16", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL")
"""The types of tensors that exported networks can have."""

METADATA = "__metadata__"


def pack(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """Return the content of a file with `tensors` and `metadata`."""
    return save({name: tensor.contiguous() for name, tensor in tensors.items()}, dict(metadata or {}))


def unpack(content: bytes) -> dict[str, Tensor]:
    """Return the tensors in the content of a file by name.

    Raises:
        InvalidFile: A tensor has a type that exported networks do not have.
        SafetensorError: The content is damaged.
    """
    for name, entry in header(content).items():
        dtype = entry.get("dtype") if isinstance(entry, dict) else None
        if name != METADATA and dtype not in DTYPES:
            raise InvalidFile(f"has a tensor {name} of type {dtype}, which is not one of {', '.join(DTYPES)}")
    return load(content)


def metadata(content: bytes) -> dict[str, Any]:
    """Return the metadata in the content of a file."""
    values = header(content).get(METADATA) or {}
    if not isinstance(values, dict):
        raise InvalidFile("has metadata that is not a JSON object")
    return values


def header(content: bytes) -> dict[str, Any]:
    """Return the header in the content of a file."""
    length = int.from_bytes(content[:8], "little")
    if length > min(HEADER_LIMIT, len(content) - 8):
        raise InvalidFile(f"has a header that is incomplete or longer than {HEADER_LIMIT:,} bytes")
    values = json.loads(content[8 : 8 + length])
    if not isinstance(values, dict):
        raise InvalidFile("has a header that is not a JSON object")
    return values


def _attach(content: bytes, text: str) -> bytes:
    length = int.from_bytes(content[:8], "little")
    values = header(content)
    values[METADATA] = {**values.get(METADATA, {}), KEY: text}
    encoded = json.dumps(values, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)  # the tensors start at a multiple of 8 bytes
    return len(encoded).to_bytes(8, "little") + encoded + content[8 + length :]


def _content_hash(content: bytes) -> str:
    other = {key: value for key, value in metadata(content).items() if key != KEY}
    return sha256(canonical([other, tensor_hash(unpack(content))]))


SAFETENSORS = Container(
    recognizes=lambda head: head[8:] == b"{",
    read=lambda content: metadata(content).get(KEY),
    attach=_attach,
    content_hash=_content_hash,
)
