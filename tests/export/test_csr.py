import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from prunesweep.errors import UsageError
from prunesweep.export import csr
from prunesweep.export.description import Description
from prunesweep.export.invalid import InvalidFile
from prunesweep.export.tensor_file import pack, unpack


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


DTYPES = st.sampled_from(["float32", "float16", "float64", "int64", "uint8", "bool"])
SHAPES = st.lists(st.integers(0, 5), min_size=1, max_size=4)
SIZES = st.sampled_from([0, 1, 254, 255, 256, 257, 300])


@given(st.data(), DTYPES, SHAPES)
def test_decoding_returns_the_same_bits(data: st.DataObject, dtype: str, shape: list[int]) -> None:
    array = np.zeros(shape, dtype)
    bits = array.view("uint8").reshape(-1)
    for _ in range(data.draw(st.integers(0, 6))):
        if bits.size:
            limit = 1 if dtype == "bool" else 255
            bits[data.draw(st.integers(0, bits.size - 1))] = data.draw(st.integers(1, limit))
    decoded = csr.decode(csr.encode(array), shape)
    assert (decoded.shape, decoded.dtype) == (array.shape, array.dtype)
    assert decoded.tobytes() == array.tobytes()


@given(SIZES, SIZES, st.integers(0, 5))
def test_gaps_and_counts_of_any_size_are_decoded(first: int, second: int, rows: int) -> None:
    array = np.zeros((rows, first + second + 1), np.float32)
    array[:, first] = array[:, -1] = 1
    assert np.array_equal(csr.decode(csr.encode(array), list(array.shape)), array)


MATRIX = np.array([[0, 5, 0, 7], [0, 0, 0, 0], [0, 0, 0, 2]], np.float32)
EDITS = {
    "negative gaps": ({"gaps": np.array([1, 2, -3], np.int8)}, "unsigned"),
    "signed gaps": ({"gaps": np.array([1, 2, 3], np.int64)}, "unsigned"),
    "gaps that are floats": ({"gaps": np.array([1, 2, 3], np.float32)}, "unsigned"),
    "gaps that wrap around": ({"gaps": np.array([1, 2**64 - 1, 3], np.uint64)}, "outside the tensor"),
    "booleans as counts": ({"counts": np.array([True, False, True])}, "unsigned"),
    "a gap beyond the row": ({"gaps": np.array([1, 2, 4], np.uint8)}, "outside the tensor"),
    "gaps that add up beyond the row": ({"gaps": np.array([2, 2, 3], np.uint8)}, "outside the tensor"),
    "the same position twice": ({"gaps": np.array([1, 0, 3], np.uint8)}, "the same position"),
    "counts below the values": ({"counts": np.array([2, 0, 0], np.uint8)}, "counts are not those"),
    "counts above the values": ({"counts": np.array([2, 1, 1], np.uint8)}, "counts are not those"),
    "counts that wrap around": ({"counts": np.array([2**64 - 1, 3, 1], np.uint64)}, "counts are not those"),
    "too few counts": ({"counts": np.array([2, 1], np.uint8)}, "lengths"),
    "too many counts": ({"counts": np.array([2, 0, 1, 0], np.uint8)}, "lengths"),
    "a value too few": ({"values": np.array([5, 7], np.float32)}, "lengths"),
    "a gap too few": ({"gaps": np.array([1, 2], np.uint8)}, "lengths"),
    "values of two dimensions": ({"values": np.array([[5, 7, 2]], np.float32)}, "lengths"),
    "counts of two dimensions": ({"counts": np.array([[2, 0, 1]], np.uint8)}, "lengths"),
}


@pytest.mark.parametrize("name", EDITS)
def test_parts_that_do_not_describe_a_tensor_are_refused(name: str) -> None:
    edit, message = EDITS[name]
    with pytest.raises(ValueError, match=message):
        csr.decode({**csr.encode(MATRIX), **edit}, [3, 4])


@pytest.mark.parametrize("shape", [[4, 3], [3, 3], [12], [2, 4], [], [0], [0, 4], [3, 0], [3, 2, 1]])
def test_another_shape_is_refused(shape: list[int]) -> None:
    with pytest.raises(ValueError, match="do not fit|counts are not|outside"):
        csr.decode(csr.encode(MATRIX), shape)


@given(st.data())
def test_edited_positions_are_refused_or_give_as_many_values(data: st.DataObject) -> None:
    parts = csr.encode(MATRIX)
    part = data.draw(st.sampled_from(["counts", "gaps"]))
    edited = parts[part].copy()
    edited[data.draw(st.integers(0, len(edited) - 1))] = data.draw(st.integers(0, 255))
    try:
        decoded = csr.decode({**parts, part: edited}, [3, 4])
    except ValueError:
        return
    assert decoded[decoded != 0].tolist() == parts["values"].tolist(), "no value is lost or moved to another place"


def test_the_network_is_read_back_from_a_smaller_file(
    network: nn.Module, description: Description, tmp_path: Path
) -> None:
    content = csr.save(network, description)
    (tmp_path / "f").write_bytes(content)
    for name, tensor in csr.read(tmp_path / "f").items():
        assert torch.equal(tensor, network.state_dict()[name])
    stored = unpack(content)
    assert "fc1.weight/values" in stored
    assert "fc2.weight" in stored, "a tensor without zeros is stored densely"
    nonzero = int(network.get_submodule("fc1").weight.count_nonzero())
    assert sum(tensor.nbytes for name, tensor in stored.items() if "fc1.weight" in name) < 6.1 * nonzero + 2 * 300
    images = torch.randn(3, 1, 28, 28)
    assert torch.equal(csr.load(content, description)(images), network(images))


PARTS = {f"w/{part}": torch.from_numpy(array) for part, array in csr.encode(MATRIX).items()}


@pytest.mark.parametrize(
    ("tensors", "shapes", "message"),
    [
        (PARTS, None, "Expecting value"),
        (PARTS, [1], "shapes that is not a JSON object"),
        (PARTS, {"w": "34"}, "a shape of w that is not a list of lengths"),
        (PARTS, {"w": [3, True]}, "a shape of w that is not a list of lengths"),
        (PARTS, {"w": [3, 4.0]}, "a shape of w that is not a list of lengths"),
        (PARTS, {"w": [-3, -4]}, "a shape of w that is not a list of lengths"),
        (PARTS, {"w": [3, 10**12]}, "tensors of 12,000,000,000,000 bytes, more than 268,435,456"),
        (PARTS, {"w": [3, 10**40]}, "bytes, more than 268,435,456"),
        (PARTS, {"w": [3, 4], "v": [3, 4]}, "does not have v/values"),
        ({**PARTS, "w": torch.zeros(1)}, {"w": [3, 4]}, "has the tensor w twice"),
        ({**PARTS, "w/gaps": PARTS["w/gaps"].to(torch.int8)}, {"w": [3, 4]}, r"a tensor w of shape \[3, 4\] in which"),
        ({**PARTS, "w/values": PARTS["w/values"].bfloat16()}, {"w": [3, 4]}, "w/values of type BF16"),
        ({**PARTS, "v": torch.zeros(1).to(torch.float8_e4m3fn)}, {"w": [3, 4]}, "v of type F8_E4M3"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(
    tensors: dict[str, Tensor], shapes: Any, message: str, tmp_path: Path
) -> None:
    content = pack(tensors, {} if shapes is None else {"shapes": json.dumps(shapes)})
    with pytest.raises(ValueError, match=message):
        csr.expand(content)
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(UsageError, match="f: "):
        csr.read(tmp_path / "f")


def test_many_tensors_are_limited_together(monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = {f"{name}/{part}": PARTS[f"w/{part}"].clone() for name in "ab" for part in csr.PARTS}
    content = pack(tensors, {"shapes": json.dumps({"a": [3, 4], "b": [3, 4]})})
    monkeypatch.setattr(csr, "LIMIT", 96)
    assert list(csr.expand(content)) == ["a", "b"]
    monkeypatch.setattr(csr, "LIMIT", 95)
    with pytest.raises(InvalidFile, match="tensors of 96 bytes, more than 95"):
        csr.expand(content)
