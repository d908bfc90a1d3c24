"""The tensors of a network as binary decisions: which units are used, which weights are not zero, and their values.

The tensors are visited from the last to the first, because a layer shows which units of the layer before are used. A
unit is an output channel or a neuron. A tensor of two dimensions or more is a matrix `[rows, units * places]`: a row
for each of its own units, and for each unit of the layer before as many columns as that unit has values (the positions
of a kernel, or of a flattened map).

1. A vector (a bias): whether each value is zero, given whether the next layer uses its unit.
2. A matrix: whether each row is zero, given whether the next layer uses its unit and whether its bias is zero.
3. Whether all columns of each unit are zero; if not, column by column, whether the value in each nonzero row is zero.
4. After each value that is not zero: its index in a codebook, or its bits.

After an exact clean-up (`pruning/cleanup.py`), a unit has inputs if and only if the next layer uses it, so dead units
cost nearly nothing. Zero means that all 32 bits are zero. Every decision is coded with an adaptive counter of its kind.

Codebooks come first. Those of a network are found from its weights: one for all tensors if they have at most 256
different values, otherwise one for each layer. A layer with more values has no codebook. Entries are float16 if all of
them can be, otherwise float32.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from prunesweep.export.coder import Coder, Counter, counters
from prunesweep.export.invalid import InvalidFile
from prunesweep.models.tensors import layer_of

Array = np.ndarray[Any, Any]
Shape = Sequence[int]

MAX_ENTRIES = 256
COUNT_BITS = 8
"""The number of bits of a number of codebooks."""

HIGH_BITS = 9
"""Sign and exponent of a float32, which are coded with counters. The other bits are equally likely."""


@dataclass
class Codebook:
    """The values of some tensors, as the bits of float32, sorted, and the counters of their indices."""

    entries: Array
    tree: list[Counter] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tree = counters(1 << max(0, len(self.entries) - 1).bit_length())


@dataclass(frozen=True)
class Matrix:
    """How a tensor is divided.

    Attributes:
        rows: Its own units.
        units: The units of the layer before, or 0 for a vector.
        places: The columns of each of these units.
    """

    rows: int
    units: int
    places: int


def matrices(shapes: Sequence[Shape]) -> list[Matrix]:
    """Return how the tensors of a network are divided, given their shapes in the order of the network."""
    found: list[Matrix] = []
    rows_before = 0
    for shape in shapes:
        if len(shape) < 2:
            found.append(Matrix(math.prod(shape), 0, 1))
            continue
        units = shape[1]
        if len(shape) == 2 and rows_before and shape[1] % rows_before == 0:
            units = rows_before  # a flattened map: each channel has several columns
        found.append(Matrix(shape[0], units, math.prod(shape[1:]) // units if units else 0))
        rows_before = shape[0]
    return found


def code(coder: Coder, bits: Sequence[Array], books: Sequence[Codebook], choice: Sequence[int]) -> None:
    """Code all tensors. A reader fills them.

    Args:
        coder: Writes or reads.
        bits: The bits of the tensors in the order of the network, uint32, contiguous. Zeros when reading.
        books: The codebooks.
        choice: For each tensor the number of its codebook, from 1, or 0 if it has none.
    """
    parts = matrices([each.shape for each in bits])
    plain = counters(1 << HIGH_BITS)
    for number in reversed(range(len(bits))):
        book = books[choice[number] - 1] if choice[number] else None
        values = _Values(coder, book, plain)
        used = _used_by_next(number, parts, bits)
        if parts[number].units:
            bias = _bias_of(number, parts, bits)
            _code_matrix(values, bits[number], parts[number], used, bias)
        else:
            _code_vector(values, bits[number], used)


def _nonzero(table: Array, *axes: int) -> list[bool]:
    """Return along the remaining axis of `table` whether a value is not zero."""
    found: list[bool] = np.asarray((table != 0).any(axes)).tolist()
    return found


def _used_by_next(number: int, parts: Sequence[Matrix], bits: Sequence[Array]) -> Array:
    """Return whether the next matrix uses each row of a tensor. All of them, if the sizes do not fit."""
    after = next((each for each in range(number + 1, len(parts)) if parts[each].units), None)
    rows = parts[number].rows
    if after is None or parts[after].units != rows:
        return np.ones(rows, bool)
    columns = bits[after].reshape(parts[after].rows, rows, parts[after].places)
    return np.array(_nonzero(columns, 0, 2), bool)


def _bias_of(number: int, parts: Sequence[Matrix], bits: Sequence[Array]) -> Array:
    """Return whether each row of a matrix has a bias, which is the next tensor if it is a vector of that length."""
    rows = parts[number].rows
    if number + 1 < len(parts) and not parts[number + 1].units and bits[number + 1].size == rows:
        return np.asarray(bits[number + 1].reshape(-1) != 0)
    return np.zeros(rows, bool)


@dataclass(frozen=True)
class _Values:
    """Codes values that are not zero, with a codebook or with counters of sign and exponent."""

    coder: Coder
    book: Codebook | None
    plain: list[Counter]

    def value(self, value: int) -> int:
        """Return a value, which is the given one when writing."""
        if self.book is None:
            low_bits = 32 - HIGH_BITS
            high = self.coder.symbol(value >> low_bits, self.plain)
            return high << low_bits | self.coder.plain(value & ((1 << low_bits) - 1), low_bits)
        entries = self.book.entries
        index = self.coder.symbol(int(np.searchsorted(entries, value)) if value else 0, self.book.tree)
        return int(entries[min(index, len(entries) - 1)])


def _code_vector(values: _Values, bits: Array, used: Array) -> None:
    flat = bits.reshape(-1)
    kinds = counters(2)
    for row, value in enumerate(flat.tolist()):
        if values.coder.bit(int(value != 0), kinds[int(used[row])]):
            flat[row] = values.value(value)


def _code_matrix(values: _Values, bits: Array, part: Matrix, used: Array, bias: Array) -> None:
    coder = values.coder
    table = bits.reshape(part.rows, part.units, part.places)
    row_kinds, unit, cell = counters(4), Counter(), Counter()
    kinds = (2 * used + bias).tolist()
    lives = [coder.bit(int(live), row_kinds[kind]) for live, kind in zip(_nonzero(table, 1, 2), kinds, strict=True)]
    rows = np.flatnonzero(lives)
    if not len(rows):
        return
    for number, live in enumerate(_nonzero(table, 0, 2)):
        if not coder.bit(int(live), unit):
            continue
        for place in range(part.places):
            for row, value in zip(rows.tolist(), table[rows, number, place].tolist(), strict=True):
                if coder.bit(int(value != 0), cell):
                    table[row, number, place] = values.value(value)


def write(coder: Coder, tensors: Mapping[str, Array]) -> None:
    """Write the codebooks and the values of float32 `tensors`, by name in the order of the network."""
    bits = {name: np.ascontiguousarray(tensor).view(np.uint32) for name, tensor in tensors.items()}
    books, choice = find_codebooks(bits)
    coder.plain(len(books), COUNT_BITS)
    for book in books:
        _code_entries(coder, book.entries)
    for each in choice:
        coder.plain(each, len(books).bit_length())
    code(coder, list(bits.values()), books, choice)


def read(coder: Coder, shapes: Sequence[Shape]) -> list[Array]:
    """Return the float32 tensors of the given shapes.

    Raises:
        InvalidFile: The stream is not one that `write` has written.
    """
    count = coder.plain(0, COUNT_BITS)
    if count > len(shapes):  # would take long to read
        raise InvalidFile(f"has {count} codebooks for {len(shapes)} tensors")
    books = [Codebook(_code_entries(coder, np.zeros(0, np.uint32))) for _ in range(count)]
    choice = [min(coder.plain(0, count.bit_length()), count) for _ in shapes]
    bits = [np.zeros(shape, np.uint32) for shape in shapes]
    code(coder, bits, books, choice)
    return [each.view(np.float32) for each in bits]


def find_codebooks(bits: Mapping[str, Array]) -> tuple[list[Codebook], list[int]]:
    """Return the codebooks of tensors, and for each tensor the number of its codebook, from 1, or 0 if it has none."""
    whole = _different(bits.values())
    if len(whole) <= MAX_ENTRIES:
        return [Codebook(whole)] if len(whole) else [], [int(bool(len(whole)))] * len(bits)
    books: list[Codebook] = []
    numbers: dict[str, int] = {}
    for layer in dict.fromkeys(map(layer_of, bits)):
        found = _different(each for name, each in bits.items() if layer_of(name) == layer)
        if 0 < len(found) <= MAX_ENTRIES and len(books) < (1 << COUNT_BITS) - 1:
            books.append(Codebook(found))
            numbers[layer] = len(books)
    return books, [numbers.get(layer_of(name), 0) for name in bits]


def _different(bits: Iterable[Array]) -> Array:
    """Return the different bits that are not zero, sorted."""
    found: Array = np.unique(np.concatenate([each.reshape(-1) for each in bits]))
    nonzero: Array = found[found != 0]
    return nonzero


def _code_entries(coder: Coder, entries: Array) -> Array:
    """Code the entries of a codebook, and return them."""
    with np.errstate(over="ignore", invalid="ignore"):  # what does not fit is found by the comparison
        halves = entries.view(np.float32).astype(np.float16)
    fits = bool((halves.astype(np.float32).view(np.uint32) == entries).all())
    count = coder.plain(max(len(entries) - 1, 0), COUNT_BITS) + 1
    short = coder.plain(int(fits), 1)
    given = (halves.view(np.uint16) if fits else entries).tolist() or [0] * count
    found = [coder.plain(int(each), 16 if short else 32) for each in given]
    if not short:
        return np.array(found, np.uint32)
    with np.errstate(invalid="ignore"):
        return np.array(found, np.uint16).view(np.float16).astype(np.float32).view(np.uint32)
