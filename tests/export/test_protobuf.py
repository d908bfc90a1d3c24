from itertools import repeat

import pytest

from prunesweep.export.invalid import InvalidFile
from prunesweep.export.protobuf import Field, bytes_field, fields


def test_fields_of_each_kind() -> None:
    message = b"\x08\x96\x01" + b"\x11" + bytes(8) + b"\x1d" + bytes(4) + b"\x22\x02hi"
    assert list(fields(message, 0, len(message), repeat(1))) == [
        Field(1, 0, 1, 3),
        Field(2, 3, 4, 12),
        Field(3, 12, 13, 17),
        Field(4, 17, 19, 21),
    ]


@pytest.mark.parametrize(("number", "length"), [(1, 0), (14, 127), (16, 128), (300, 20_000)])
def test_an_encoded_field_is_found(number: int, length: int) -> None:
    field = bytes_field(number, b"x" * length)
    (found,) = fields(field, 0, len(field), repeat(1))
    assert (found.number, found.begin, found.end) == (number, 0, len(field))
    assert field[found.value : found.end] == b"x" * length


@pytest.mark.parametrize("message", [b"\x08", b"\x0a\x05hi", b"\x0b", b"\x0c", b"\x0f\x00", b"\x11\x00", b"\xff" * 20])
def test_other_content_is_refused(message: bytes) -> None:
    with pytest.raises(InvalidFile, match="is damaged"):
        list(fields(message, 0, len(message), repeat(1)))


def test_the_budget_of_fields_is_shared() -> None:
    message, budget = b"\x08\x01" * 3, iter(range(5))
    assert len(list(fields(message, 0, 6, budget))) == 3
    with pytest.raises(InvalidFile, match="too many"):
        list(fields(message, 0, 6, budget))
