import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunesweep.export.c.arrays import WIDTH, comment, constant, identifier, number, smallest, type_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("conv1", "conv1"),
        ("features.0", "features_0"),
        ("*/ int x; /*", "int_x"),
        ("größe", "gr_e"),
        ("__", "layer"),
        ("", "layer"),
    ],
)
def test_names_become_parts_of_identifiers(text: str, expected: str) -> None:
    assert identifier(text) == expected


@given(st.text())
def test_a_comment_stays_one_line_of_a_comment(text: str) -> None:
    written = comment(text)
    assert written.isascii()
    assert written.isprintable() or not written
    assert not any(mark in written for mark in ("*/", "/*", "??", "\\"))


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_constant_is_read_back_as_the_same_number(value: float) -> None:
    text = number(value)
    assert text.endswith("f")
    assert "." in text or "e" in text, "1f is not C"
    assert np.float32(text[:-1]).tobytes() == np.float32(value).tobytes()


def test_integers_have_the_smallest_type() -> None:
    assert type_of(smallest(np.array([0, 255]))) == "unsigned char"
    assert type_of(smallest(np.array([256]))) == "unsigned short"
    assert type_of(smallest(np.array([65_536]))) == "unsigned int"
    assert type_of(np.zeros(1, np.float32)) == "float"


def test_an_array_is_written_in_lines_of_limited_length() -> None:
    assert constant("a", np.array([[1, 2], [3, 4]], np.uint8)) == [
        "static const unsigned char a[4] = {",
        "    1, 2, 3, 4,",
        "};",
    ]
    lines = constant("a", np.linspace(0, 1, 100, dtype=np.float32))
    assert max(map(len, lines)) <= WIDTH
    assert sum(line.count(",") for line in lines) == 100
