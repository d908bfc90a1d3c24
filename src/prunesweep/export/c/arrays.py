"""Names, numbers, comments and arrays as C text."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from prunesweep.export.c.layers import Array

WIDTH = 118
"""The longest line of an array."""

TYPES = {
    "u1": "unsigned char",
    "u2": "unsigned short",
    "u4": "unsigned int",
    "i1": "signed char",
    "i4": "int",
    "f4": "float",
}
"""Type of numbers -> its name in C."""


def identifier(text: str) -> str:
    """Return `text` as a part of a C identifier: letters, digits and underscores, of limited length."""
    return re.sub(r"[^0-9A-Za-z]+", "_", text).strip("_")[:40] or "layer"


def comment(text: str) -> str:
    """Return `text` on one line that neither ends nor begins a comment, and has no trigraphs, which C99 replaces."""
    printable = "".join(char if char.isascii() and char.isprintable() else ascii(char)[1:-1] for char in text)
    separate = printable.replace("\\", "|").replace("*/", "* /").replace("/*", "/ *")
    return re.sub(r"\?(?=\?)", "? ", separate)


def number(value: float) -> str:
    """Return a finite number as a constant of type float, which is read back as exactly the same float32."""
    return f"{np.float32(value)!s}f"


def smallest(numbers: Array) -> Array:
    """Return non-negative `numbers` in the smallest unsigned integer type that holds them."""
    return numbers.astype(np.min_scalar_type(int(numbers.max(initial=0))))


def type_of(array: Array) -> str:
    """Return the type of the elements of `array` in C."""
    return TYPES[array.dtype.str[1:]]


def constant(name: str, array: Array) -> list[str]:
    """Return the lines that define `array` as a read-only array of one dimension."""
    values = array.reshape(-1)
    texts = [number(value) for value in values] if array.dtype.kind == "f" else [str(value) for value in values]
    length = f"{len(texts)}"
    return [f"static const {type_of(array)} {name}[{length}] = {{", *_wrapped(texts), "};"]


def _wrapped(texts: Iterable[str]) -> Iterable[str]:
    """Yield lines of at most `WIDTH` characters with `texts`, separated by commas."""
    line = "   "
    for text in texts:
        if len(line) + len(text) + 2 > WIDTH:
            yield line
            line = "   "
        line += f" {text},"
    yield line
