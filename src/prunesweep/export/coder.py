"""An entropy coder of binary decisions: constriction's range coder, with adaptive integer frequencies.

The walk over a network (`packing.py`) is the same for writing and reading. It passes every decision to `bit`: a
`Writer` records the given bit and returns it, a `Reader` ignores it and returns the bit in the stream.

The probability of a decision is an integer / 2^16, which constriction turns into frequencies with a sum of 2^24:
`c/packed.c` contains the same arithmetic, and decodes the same stream.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from prunesweep.errors import need_extra
from prunesweep.export.invalid import InvalidFile

Array = np.ndarray[Any, Any]

ONE = 2**16
"""The probability 1."""

HALF = ONE // 2

STATE_BYTES = 8
"""The bytes of the state of the coder. The last bytes of a stream, which finish it, are not more."""

LIMIT = 255
"""The number of decisions after which earlier ones count half."""


@dataclass
class Counter:
    """How often a decision was 0 and 1.

    The probability is that of Krichevsky and Trofimov, "The performance of universal encoding" (1981):
    (zeros + 1/2) / (zeros + ones + 1).
    """

    zeros: int = 0
    ones: int = 0

    @property
    def zero(self) -> int:
        """The probability of 0, from 1 to 2^16 - 1."""
        return (2 * self.zeros + 1) * ONE // (2 * (self.zeros + self.ones) + 2)

    def add(self, bit: int) -> None:
        """Count a decision."""
        self.zeros += 1 - bit
        self.ones += bit
        if self.zeros + self.ones > LIMIT:
            self.zeros //= 2
            self.ones //= 2


class Coder(ABC):
    """A stream of decisions that is written or read."""

    @abstractmethod
    def decide(self, bit: int, zero: int) -> int:
        """Return the decision, which is `bit` when writing. The probability of 0 is `zero` / 2^16."""

    def bit(self, bit: int, counter: Counter) -> int:
        """Return a decision, with the probability of `counter`, which then counts it."""
        found = self.decide(bit, counter.zero)
        counter.add(found)
        return found

    def plain(self, value: int, bits: int) -> int:
        """Return a number of `bits` bits, whose bits are equally likely. The highest bit comes first."""
        found = 0
        for position in reversed(range(bits)):
            found = 2 * found + self.decide(value >> position & 1, HALF)
        return found

    def symbol(self, value: int, tree: list[Counter]) -> int:
        """Return a number below `len(tree)`, a power of 2. Each bit has a counter for each value of the higher bits."""
        node = 1
        for position in reversed(range(len(tree).bit_length() - 1)):
            node = 2 * node + self.bit(value >> position & 1, tree[node])
        return node - len(tree)


def counters(count: int) -> list[Counter]:
    """Return new counters."""
    return [Counter() for _ in range(count)]


class Writer(Coder):
    """Collects decisions."""

    def __init__(self) -> None:
        self._bits: list[int] = []
        self._zeros: list[int] = []

    def decide(self, bit: int, zero: int) -> int:
        self._bits.append(bit)
        self._zeros.append(zero)
        return bit

    def plain(self, value: int, bits: int) -> int:
        # Most decisions of a dense network are the low bits of its values, so they are not recorded one by one.
        self._bits += [value >> position & 1 for position in reversed(range(bits))]
        self._zeros += [HALF] * bits
        return value

    def content(self) -> bytes:
        """Return the shortest stream that gives the decisions. A reader continues it with zeros."""
        encoder = _streams().queue.RangeEncoder()
        bits, ones = np.array(self._bits, np.int32), (ONE - np.array(self._zeros, np.float64)) / ONE
        encoder.encode(bits, _bernoulli(), ones)
        words: bytes = encoder.get_compressed().astype(">u4").tobytes()

        def shortened(length: int) -> list[bytes]:
            return [each for each in _rounded(words, length) if _gives(each, bits, ones)]

        # The streams that give the decisions are an interval of fractions, so if a length is enough, longer ones are.
        lengths = range(max(0, len(words) - STATE_BYTES), len(words))
        shortest = bisect_left(lengths, True, key=lambda length: bool(shortened(length)))
        return shortened(lengths[shortest])[0] if shortest < len(lengths) else words


class Reader(Coder):
    """Reads decisions from the bytes of a stream."""

    def __init__(self, content: bytes) -> None:
        self._decoder = _decoder(content)
        self._model = _bernoulli()
        self._one = np.zeros(1)

    def decide(self, bit: int, zero: int) -> int:  # noqa: ARG002
        self._one[0] = (ONE - zero) / ONE
        try:
            return int(self._decoder.decode(self._model, self._one)[0])
        except (AssertionError, ValueError) as error:
            raise InvalidFile("has weights that cannot be decoded") from error


def _rounded(words: bytes, length: int) -> Iterator[bytes]:
    """Yield the two numbers of `length` bytes that are next to `words`, as fractions: the lower and the higher one."""
    yield words[:length]
    if words[:length].strip(b"\xff"):
        yield (int.from_bytes(words[:length], "big") + 1).to_bytes(length, "big")


def _gives(content: bytes, bits: Array, ones: Array) -> bool:
    """Return whether a stream gives the decisions `bits`, whose probabilities of 1 are `ones`."""
    try:
        return bool((_decoder(content).decode(_bernoulli(), ones) == bits).all())
    except (AssertionError, ValueError):
        return False


def _decoder(content: bytes) -> Any:
    """Return the decoder of a stream, which zeros continue."""
    words = np.frombuffer(content + b"\0" * (-len(content) % 4), ">u4").astype(np.uint32)
    return _streams().queue.RangeDecoder(words)


def _streams() -> Any:
    need_extra("--format=packed", "packed", "constriction")
    import constriction

    return constriction.stream


def _bernoulli() -> Any:
    return _streams().model.Bernoulli(perfect=False)
