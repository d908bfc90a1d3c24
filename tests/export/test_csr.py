import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from torch import nn

from prunesweep.errors import UsageError
from prunesweep.export import csr
from prunesweep.export.description import Description

SHAPES = [(2, 4), (8,), (2, 2, 2, 1), (1, 8), (8, 1)]


def test_encoding_of_a_small_matrix() -> None:
    parts = csr.encode(np.array([[0, 5, 0, 7], [0, 0, 0, 0], [0, 0, 0, 2]], np.float32))
    assert parts["values"].tolist() == [5, 7, 2]
    assert parts["counts"].tolist() == [2, 0, 1]
    assert parts["gaps"].tolist() == [1, 2, 3]
    assert {part: content.dtype.name for part, content in parts.items()} == {
        "values": "float32",
        "counts": "uint8",
        "gaps": "uint8",
    }


def test_gaps_have_the_smallest_type_that_holds_them() -> None:
    row = np.zeros((1, 70_000), np.float32)
    for last, name in ((255, "uint8"), (256, "uint16"), (65_536, "uint32")):
        row[:] = 0
        row[0, last] = 1
        assert csr.encode(row)["gaps"].dtype.name == name


BITS = st.lists(st.sampled_from([0.0, -0.0, 1.5, float("nan"), 1e-45]), min_size=8, max_size=8)


@given(BITS, st.sampled_from(SHAPES))
def test_decoding_returns_the_same_bits(values: list[float], shape: tuple[int, ...]) -> None:
    array = np.array(values, np.float32).reshape(shape)
    decoded = csr.decode(csr.encode(array), list(shape))
    assert decoded.shape == shape
    assert decoded.tobytes() == array.tobytes()


def test_the_network_is_read_back_from_a_smaller_file(
    network: nn.Module, description: Description, tmp_path: Path
) -> None:
    csr.save(network, tmp_path / "f", description)
    for name, tensor in csr.read(tmp_path / "f").items():
        assert torch.equal(tensor, network.state_dict()[name])
    stored = load_file(tmp_path / "f")
    assert "fc1.weight/values" in stored
    assert "fc2.weight" in stored, "a tensor without zeros is stored densely"
    nonzero = int(network.get_submodule("fc1").weight.count_nonzero())
    assert sum(content.nbytes for name, content in stored.items() if "fc1.weight" in name) < 6.1 * nonzero + 2 * 300
    images = torch.randn(3, 1, 28, 28)
    assert torch.equal(csr.load(tmp_path / "f", description)(images), network(images))


def drop_a_value(stored: dict[str, Any]) -> None:
    stored["fc1.weight/values"] = stored["fc1.weight/values"][:-1]


def enlarge_gaps(stored: dict[str, Any]) -> None:
    stored["fc1.weight/gaps"] = stored["fc1.weight/gaps"] + np.uint8(200)


def remove_counts(stored: dict[str, Any]) -> None:
    del stored["fc1.weight/counts"]


def drop_counts(stored: dict[str, Any]) -> None:
    stored["fc1.weight/counts"] = stored["fc1.weight/counts"][:7]


@pytest.mark.parametrize("damage", [drop_a_value, enlarge_gaps, remove_counts, drop_counts])
def test_a_damaged_file_is_reported(damage: Any, network: nn.Module, description: Description, tmp_path: Path) -> None:
    csr.save(network, tmp_path / "f", description)
    with safe_open(tmp_path / "f", "numpy") as file:
        metadata = file.metadata()
    stored = load_file(tmp_path / "f")
    damage(stored)
    save_file(stored, tmp_path / "f", metadata)
    with pytest.raises(UsageError, match="f: is damaged"):
        csr.read(tmp_path / "f")
    save_file(stored, tmp_path / "f", {**metadata, "shapes": json.dumps([1])})
    with pytest.raises(UsageError, match="f: is damaged"):
        csr.read(tmp_path / "f")
