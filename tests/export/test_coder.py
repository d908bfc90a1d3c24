import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("constriction")

from prunesweep.export.coder import HALF, Counter, Reader, Writer, counters
from prunesweep.export.invalid import InvalidFile

DECISIONS = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 2**16 - 1)), max_size=200)


@given(DECISIONS)
def test_decisions_are_read_back(decisions: list[tuple[int, int]]) -> None:
    writer = Writer()
    for bit, zero in decisions:
        writer.decide(bit, zero)
    reader = Reader(writer.content())
    assert [reader.decide(0, zero) for _, zero in decisions] == [bit for bit, _ in decisions]


def test_a_counter_estimates_the_probability() -> None:
    counter = Counter()
    assert counter.zero == HALF
    counter.add(0)
    assert counter.zero == 3 * 2**16 // 4
    for _ in range(1_000):
        counter.add(1)
    assert counter.zeros == 0
    assert 128 <= counter.ones <= 255
    assert 0 < counter.zero < 600


def test_numbers_and_symbols() -> None:
    writer, tree = Writer(), counters(8)
    given = [0, 7, 3, 3, 5]
    for value in given:
        assert writer.symbol(value, tree) == value
        assert writer.plain(value + 1_000, 11) == value + 1_000
    reader, tree = Reader(writer.content()), counters(8)
    assert [(reader.symbol(0, tree), reader.plain(0, 11)) for _ in given] == [(each, each + 1_000) for each in given]
    assert reader.symbol(0, counters(1)) == 0, "a codebook of one entry needs no decision"


def test_the_stream_is_about_as_long_as_the_information() -> None:
    writer, counter = Writer(), Counter()
    for bit in (np.arange(2_000) % 50 == 0).tolist():
        writer.bit(int(bit), counter)
    assert len(writer.content()) < 2_000 * 0.1415 / 8 * 1.15  # the entropy of 1 in 50
    assert len(Writer().content()) == 0


@given(st.binary(max_size=40))
def test_any_bytes_are_decisions_or_refused(content: bytes) -> None:
    reader, counter = Reader(content), Counter()
    with contextlib.suppress(InvalidFile):
        assert all(reader.bit(0, counter) in (0, 1) for _ in range(300))
