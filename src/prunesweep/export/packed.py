"""`packed`: the smallest file, of about 1.2 bytes for each weight of a network with a codebook of few entries.

The layout:

| bytes | content |
|---|---|
| 3 | `F1 77 01`: the kind of file and the version of the layout |
| 4 | the CRC-32 of all following bytes, the lowest byte first |
| 25 for a usual network | the description (`brief.py`) |
| the rest | buffers that are not float32, if the network has them; then the entropy-coded tensors (`packing.py`) |

The file does not contain the names and shapes of tensors: they are those of the described network. `c/packed.c` reads
the tensors in portable C99. Needs the extra `[packed]`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from prunesweep.errors import UsageError
from prunesweep.export import brief
from prunesweep.export.coder import Reader, Writer
from prunesweep.export.description import Description, checksum
from prunesweep.export.invalid import InvalidFile
from prunesweep.export.packing import read, write
from prunesweep.export.protocol import Container, Executes, Format
from prunesweep.export.rebuild import rebuild, structure
from prunesweep.files import sha256
from prunesweep.models.tensors import own_tensors

NAME = "packed"
MAGIC = b"\xf1w\x01"
CRC_BYTES = 4
START = len(MAGIC) + CRC_BYTES

MAX_VALUES = 2**24
"""The largest number of values of a network. Reading takes about a microsecond for each."""


def save(model: nn.Module, _: Description) -> bytes:
    """Return the tensors of `model`: the rest of a file after its description.

    Raises:
        UsageError: The network is too large.
    """
    tensors = own_tensors(model)
    count = sum(tensor.numel() for tensor in tensors.values())
    if count > MAX_VALUES:
        raise UsageError(f"--format={NAME}: the network has {count:,} values, the format allows {MAX_VALUES:,}.")
    coded, others = _divided(tensors)
    writer = Writer()
    write(writer, {name: tensor.detach().numpy() for name, tensor in coded.items()})
    return b"".join(tensor.detach().contiguous().numpy().tobytes() for tensor in others.values()) + writer.content()


def load(content: bytes, description: Description) -> nn.Module:
    """Return the network in a file.

    Raises:
        InvalidFile: The file does not contain the tensors of the described network.
    """
    return rebuild(unpack(_payload(content), own_tensors(structure(description))), description)


def unpack(payload: bytes, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors in the rest of a file after its description.

    Args:
        payload: The bytes.
        expected: Tensors with the names, types and shapes of those in the file.
    """
    count = sum(tensor.numel() for tensor in expected.values())
    if count > MAX_VALUES:
        raise InvalidFile(f"describes a network of {count:,} values, more than {MAX_VALUES:,}")
    coded, others = _divided(expected)
    tensors, place = {}, 0
    for name, like in others.items():
        part = payload[place : place + like.nbytes]
        if len(part) < like.nbytes:
            raise InvalidFile("is incomplete")
        array = np.frombuffer(bytearray(part), torch.empty(0, dtype=like.dtype).numpy().dtype)
        tensors[name] = torch.from_numpy(array).reshape(like.shape)
        place += like.nbytes
    arrays = read(Reader(payload[place:]), [tuple(tensor.shape) for tensor in coded.values()])
    return {**tensors, **dict(zip(coded, map(torch.from_numpy, arrays), strict=True))}


def _divided(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the tensors of type float32, which are coded, and the others."""
    coded = {name: tensor for name, tensor in tensors.items() if tensor.dtype == torch.float32}
    return coded, {name: tensor for name, tensor in tensors.items() if name not in coded}


def _attach(content: bytes, text: str) -> bytes:
    rest = brief.dumps(json.loads(text)) + content
    return MAGIC + zlib.crc32(rest).to_bytes(CRC_BYTES, "little") + rest


def _parts(content: bytes) -> tuple[dict[str, object], bytes]:
    """Return the fields of the description of a file, and the bytes after it.

    Raises:
        InvalidFile: The file is incomplete or was changed.
    """
    if not content.startswith(MAGIC) or len(content) < START:
        raise InvalidFile("is incomplete")
    rest = content[START:]
    if zlib.crc32(rest) != int.from_bytes(content[len(MAGIC) : START], "little"):
        raise InvalidFile("does not have the checksum in it: it is incomplete, or was changed after the export")
    values, length = brief.loads(rest, NAME)
    return values, rest[length:]


def _payload(content: bytes) -> bytes:
    return _parts(content)[1]


def _read(content: bytes) -> str:
    values, payload = _parts(content)
    return json.dumps({**values, "checksum": checksum(values, sha256(payload))})


def _content_hash(content: bytes) -> str:
    """Return the hash of the tensors, also before the description is attached."""
    return sha256(_payload(content) if content.startswith(MAGIC) else content)


PACKED = Container(
    recognizes=lambda head: head.startswith(MAGIC), read=_read, attach=_attach, content_hash=_content_hash
)

FORMAT = Format(NAME, ".packed", exact=True, executes=Executes.NETWORK, container=PACKED, save=save, load=load)
