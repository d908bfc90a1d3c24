import contextlib
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunesweep.export.brief import dumps, loads
from prunesweep.export.description import check
from prunesweep.export.invalid import InvalidFile

USUAL: dict[str, Any] = {
    "format": "packed",
    "model": {"name": "lenet5_caffe", "conv_relu": True},
    "dataset": "mnist",
    "shape": [1, 28, 28],
    "mean": [0.1307],
    "std": [0.3081],
    "validation": 5_000,
    "test_accuracy": 0.9901,
    "params_total": 431_080,
    "params_nonzero": 1_000,
    "digest": "0123456789abcdef" * 4,
    "layout": "channels_last",
    "classes": 10,
    "scale": "1/255",
    "data": {},
}


def back(values: dict[str, Any]) -> dict[str, Any]:
    content = dumps({**values, "checksum": "x"})
    found, length = loads(content + b"rest", "packed")
    assert length == len(content)
    return {**found, "digest": values["digest"] if values["digest"].startswith(found["digest"]) else None}


def test_a_usual_description_takes_few_bytes() -> None:
    assert back(USUAL) == USUAL
    assert len(dumps(USUAL)) <= 22
    assert len(loads(dumps(USUAL), "packed")[0]["digest"]) == 16


@pytest.mark.parametrize(
    "change",
    [
        {"model": {"name": "lenet_300_100"}},
        {"model": {"name": "conv_lenet", "widths": [4, 4, 8, 8]}},
        {"model": {"name": "custom", "target": "mine.Net", "kwargs": {"a": [1, "x" * 500]}}},
        {"dataset": "svhn", "shape": [3, 32, 32], "mean": [0.1] * 3, "std": [0.2] * 3},
        {"dataset": "folder", "data": {"size": [28, 28]}, "classes": 3},
        {"mean": [0.13066], "layout": "contiguous", "scale": "none", "validation": 1},
        {"test_accuracy": 1 / 3},
        {"test_accuracy": 0.1234567890123},
        {"test_accuracy": 0.0, "params_nonzero": 0},
        {"test_accuracy": 1.0, "unknown": [1]},
    ],
)
def test_other_descriptions_are_complete_too(change: dict[str, Any]) -> None:
    assert back({**USUAL, **change}) == {**USUAL, **change}


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_every_accuracy_is_exact(correct: int, total: int) -> None:
    accuracy = min(correct, total) / total
    assert back({**USUAL, "test_accuracy": accuracy})["test_accuracy"] == accuracy


@given(st.binary(max_size=60))
def test_any_bytes_are_a_description_or_refused(content: bytes) -> None:
    try:
        values, length = loads(content, "packed")
    except (ValueError, zlib.error):  # also of json; `formats` names the file
        return
    assert length <= len(content)
    with contextlib.suppress(InvalidFile):
        check(values)


def test_truncated_descriptions_are_refused() -> None:
    content = dumps({**USUAL, "model": {"name": "conv_lenet", "widths": [4, 4, 8, 8]}})
    for length in range(len(content)):
        with pytest.raises(InvalidFile, match="damaged description"):
            loads(content[:length], "packed")
