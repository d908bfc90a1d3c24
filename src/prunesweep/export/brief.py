"""The description of a network in few bytes, for files of a kilobyte.

What the network and the data set imply is left out: the shape of an image, the classes, the usual normalization. Usual
networks and data sets are numbers. Everything else is JSON, compressed if that is shorter. Two things are shorter than
in other exported files: the ID of the run has 16 of its 64 digits, and the checksum is added by the reader.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from prunesweep.config import option
from prunesweep.data.layout import CHANNELS_LAST
from prunesweep.data.sources import SOURCES
from prunesweep.export.description import MAX_LENGTH
from prunesweep.export.invalid import InvalidFile
from prunesweep.files import canonical
from prunesweep.models.settings import Model

DIGEST_BYTES = 8

NETWORKS: tuple[dict[str, Any] | None, ...] = (
    None,
    {"name": "lenet5"},
    {"name": "lenet5_caffe"},
    {"name": "lenet5_caffe", "conv_relu": True},
    {"name": "lenet_300_100"},
    {"name": "conv_lenet"},
)
"""Networks by number: their settings that are not defaults. Only append, because files contain the numbers."""

DATA_SETS: tuple[str | None, ...] = (None, "mnist5k", "mnist", "fashion_mnist", "kmnist", "qmnist", "cifar10")
"""Data sets by number. Only append."""

MNIST = {"mean": [0.1307], "std": [0.3081]}
"""The normalization that is not stored."""

COUNTS = ("params_total", "params_nonzero")
MAX_TOTAL = 10**7


def dumps(values: Mapping[str, Any]) -> bytes:
    """Return the fields of a description without its checksum as bytes."""
    network = _number(values["model"], [None if each is None else _settings(each) for each in NETWORKS])
    data_set = _number(values["dataset"], DATA_SETS)
    accuracy = Fraction(values["test_accuracy"]).limit_denominator(MAX_TOTAL)
    exact = accuracy.numerator / accuracy.denominator == values["test_accuracy"]
    fraction = [accuracy.numerator, accuracy.denominator] if exact else [0, 0]
    implied = _implied(network, data_set)
    stored = {"digest", "checksum", "format", *COUNTS, *(["test_accuracy"] if exact else [])}
    rest = {
        name: value
        for name, value in values.items()
        if name not in stored and (name not in implied or canonical(implied[name]) != canonical(value))
    }
    text = json.dumps(rest, separators=(",", ":")).encode() if rest else b""
    packed = zlib.compress(text, 9)
    compressed = len(packed) < len(text)
    numbers = [network, data_set, *fraction, *(values[name] for name in COUNTS)]
    numbers += [2 * len(packed) + 1 if compressed else 2 * len(text)]
    head = b"".join(map(_varint, numbers))
    return head + (packed if compressed else text) + bytes.fromhex(values["digest"][: 2 * DIGEST_BYTES])


def loads(content: bytes, form: str) -> tuple[dict[str, Any], int]:
    """Return the fields of a description without its checksum, and the number of its bytes.

    Args:
        content: Bytes that begin with a description.
        form: The name of the format, a field of the description.

    Raises:
        InvalidFile: The bytes are not a description. Fields are not checked.
    """
    place = 0
    numbers = []
    for _ in range(7):
        value, place = _read_varint(content, place)
        numbers.append(value)
    network, data_set, correct, total, params_total, params_nonzero, length = numbers
    end = place + length // 2
    if network >= len(NETWORKS) or data_set >= len(DATA_SETS) or end + DIGEST_BYTES > len(content):
        raise InvalidFile("has a damaged description")
    rest = _parse(content[place:end], compressed=bool(length % 2)) if end > place else {}
    digest = content[end : end + DIGEST_BYTES].hex()
    values = {
        "format": form,
        **_implied(network, data_set),
        **({"test_accuracy": correct / total} if total else {}),
        "params_total": params_total,
        "params_nonzero": params_nonzero,
        "digest": digest,
        **rest,
    }
    return values, end + DIGEST_BYTES


def _number(value: Any, known: Any) -> int:
    """Return the number of a value in `known`, or 0 if it is not there."""
    wanted = canonical(value)
    return next((number for number, each in enumerate(known) if each is not None and canonical(each) == wanted), 0)


def _settings(network: Mapping[str, Any]) -> dict[str, Any]:
    """Return the complete settings of a network, as a description has them."""
    model: Model = option("model", dict(network))
    return model.architecture()


def _implied(network: int, data_set: int) -> dict[str, Any]:
    """Return the fields that a network and a data set of these numbers usually have."""
    found: dict[str, Any] = {"scale": "1/255", "layout": CHANNELS_LAST, "data": {}, **MNIST}
    chosen, name = NETWORKS[network], DATA_SETS[data_set]
    if chosen is not None:
        found["model"] = _settings(chosen)
    if name is not None:
        source = SOURCES[name]
        found |= {
            "dataset": name,
            "shape": list(source.shape),
            "classes": source.classes,
            "validation": source.validation,
        }
    return found


def _parse(content: bytes, *, compressed: bool) -> dict[str, Any]:
    if compressed:
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(content, MAX_LENGTH)
        if not unpacker.eof:
            raise InvalidFile("has a damaged description")
    values = json.loads(content)
    if not isinstance(values, dict):
        raise InvalidFile("has a description that is not a JSON object")
    return values


def _varint(value: int) -> bytes:
    """Return a number in base 128, the lowest digit first. All bytes but the last have their highest bit set."""
    return bytes(_digits(value))


def _digits(value: int) -> Iterator[int]:
    while value > 127:
        yield value % 128 | 128
        value //= 128
    yield value


def _read_varint(content: bytes, place: int) -> tuple[int, int]:
    """Return the number at `place`, and the place after it."""
    value = 0
    for position, byte in enumerate(content[place : place + 9]):
        value |= byte % 128 << 7 * position
        if byte < 128:
            return value, place + position + 1
    raise InvalidFile("has a damaged description")
