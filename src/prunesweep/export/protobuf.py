"""The wire format of protobuf messages: find fields without parsing the message.

A parser allocates up to a hundred times the bytes of a message that contains many small messages. See
https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from prunesweep.export.invalid import InvalidFile

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MAX_VARINT_BYTES = 10
DAMAGED = "is not an export of prunesweep, or is damaged: it begins like an ONNX file, but does not continue like one"


class Field(NamedTuple):
    """A field of a message: its number, where it begins, and where its value begins and ends."""

    number: int
    begin: int
    value: int
    end: int


def fields(content: bytes, begin: int, end: int, budget: Iterator[object]) -> Iterator[Field]:
    """Yield the fields of the message at `content[begin:end]` in the order of the file.

    Args:
        content: The content of a file.
        begin: Where the message begins.
        end: Where the message ends.
        budget: As many items as fields may be found. It can be shared by several messages.

    Raises:
        InvalidFile: The content is not a message, or has too many fields.
    """
    while begin < end:
        if next(budget, None) is None:
            raise InvalidFile("has too many nodes, tensors and attributes")
        tag, value = _read_varint(content, begin)
        kind, length = tag & 7, {FIXED64: 8, FIXED32: 4}.get(tag & 7)
        if kind == BYTES:
            length, value = _read_varint(content, value)
        elif kind == VARINT:
            length = _read_varint(content, value)[1] - value
        if length is None or value + length > end:
            raise InvalidFile(DAMAGED)
        yield Field(tag >> 3, begin, value, value + length)
        begin = value + length


def bytes_field(number: int, value: bytes) -> bytes:
    """Return the encoded field with a string, bytes or a message."""
    return _varint(number << 3 | BYTES) + _varint(len(value)) + value


def _read_varint(content: bytes, begin: int) -> tuple[int, int]:
    """Return the integer that begins at `begin`, and where it ends."""
    result = 0
    for index, byte in enumerate(content[begin : begin + MAX_VARINT_BYTES]):
        result |= (byte & 127) << 7 * index
        if byte < 128:
            return result, begin + index + 1
    raise InvalidFile(DAMAGED)


def _varint(number: int) -> bytes:
    rest, low = divmod(number, 128)
    return bytes([low | 128]) + _varint(rest) if rest else bytes([low])
