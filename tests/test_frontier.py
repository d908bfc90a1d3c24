"""The networks of docs/frontier.md, kept in benchmarks/frontier/, are what the table says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support import NEEDS_PACKED

from prunesweep.data.datasets import load
from prunesweep.data.settings import NamedDataset
from prunesweep.export import formats
from prunesweep.export.evaluate import evaluate

FOLDER = Path(__file__).parent.parent / "benchmarks" / "frontier"
NETWORKS = sorted(FOLDER.glob("*.csr"))
PACKED = sorted(FOLDER.glob("*.packed"))
FIRST = "10"
"""The seed whose networks are kept."""


def test_there_are_networks() -> None:
    assert NETWORKS


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.name)
def test_a_network_has_as_many_parameters_as_the_table_says(path: Path) -> None:
    arrays = load_file(path)
    left = sum(int(each.count_nonzero()) for name, each in arrays.items() if not name.endswith(("/counts", "/gaps")))
    assert left == _row(path)["params_nonzero"]


@NEEDS_PACKED
@pytest.mark.parametrize("path", PACKED, ids=lambda path: path.name)
def test_a_packed_network_has_as_many_bytes_and_parameters_as_the_table_says(path: Path) -> None:
    network = formats.load(formats.read(path), trust=False)
    assert path.stat().st_size == _row(path)["packed_bytes"]
    assert sum(int(each.count_nonzero()) for each in network.parameters()) == _row(path)["params_nonzero"]


DIGITS = [each for each in NETWORKS if "fashion" not in each.name]


@pytest.mark.parametrize("path", [*DIGITS, *(pytest.param(each, marks=NEEDS_PACKED) for each in PACKED)])
def test_a_network_recognizes_digits(path: Path) -> None:
    """The digits of mnist5k are training images of MNIST, so the error may be smaller than that of the table."""
    data = load(NamedDataset(name="mnist5k", mean=[0.1307], std=[0.3081], validation=500), "cpu")
    network = formats.load(formats.read(path), trust=False)
    with torch.no_grad():
        error = float((network(data.test.images).argmax(1) != data.test.labels).float().mean())
    assert 100 * error < _row(path)["error"] + 1


@pytest.mark.parametrize("path", sorted(NETWORKS, key=lambda path: "fashion" in path.name), ids=lambda path: path.name)
def test_a_network_has_the_error_of_the_table(path: Path, full_data: Path) -> None:
    found, _ = evaluate(path, None, str(full_data), "test", trust=False)
    assert 100 * (1 - found.correct / found.total) == pytest.approx(_row(path)["error"], abs=0.03)


def _row(path: Path) -> dict[str, float]:
    row: dict[str, float] = json.loads(path.with_suffix(".json").read_text())["seeds"][FIRST]
    return row
