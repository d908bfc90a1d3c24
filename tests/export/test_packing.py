from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("constriction")

from prunesweep.export.coder import Reader, Writer
from prunesweep.export.packing import Matrix, find_codebooks, matrices, read, write

Array = np.ndarray[Any, Any]
CAFFE = [(20, 1, 5, 5), (20,), (50, 20, 5, 5), (50,), (500, 800), (500,), (10, 500), (10,)]


def packed(tensors: dict[str, Array]) -> bytes:
    writer = Writer()
    write(writer, tensors)
    return writer.content()


def same(tensors: dict[str, Array], content: bytes) -> bool:
    found = read(Reader(content), [each.shape for each in tensors.values()])
    return all(a.tobytes() == b.tobytes() for a, b in zip(found, tensors.values(), strict=True))


def test_matrices_of_a_network() -> None:
    assert matrices(CAFFE)[::2] == [Matrix(20, 1, 25), Matrix(50, 20, 25), Matrix(500, 50, 16), Matrix(10, 500, 1)]
    assert matrices(CAFFE)[1] == Matrix(20, 0, 1)
    assert matrices([(), (4, 6), (5, 7)]) == [Matrix(1, 0, 1), Matrix(4, 6, 1), Matrix(5, 7, 1)]


VALUES = st.one_of(st.just(0.0), st.sampled_from([0.5, -0.25, -0.0]), st.floats(width=32))


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_every_bit_is_read_back(data: st.DataObject) -> None:
    """Including -0.0, NaN and infinity, empty tensors, and layers whose sizes do not fit each other."""
    shapes = data.draw(st.lists(st.lists(st.integers(0, 4), max_size=4), min_size=1, max_size=5))
    tensors = {}
    for number, shape in enumerate(shapes):
        size = int(np.prod(shape))
        values = data.draw(st.lists(VALUES, min_size=size, max_size=size))
        tensors[f"layer{number // 2}.{number % 2}"] = np.array(values, np.float32).reshape(shape)
    assert same(tensors, packed(tensors))


def codebook_network(entries: int = 16, density: float = 0.01) -> dict[str, Array]:
    draw = np.random.default_rng(0)
    book = draw.normal(size=entries).astype(np.float16).astype(np.float32)
    shapes = {"fc1.weight": (100, 200), "fc1.bias": (100,), "fc2.weight": (10, 100), "fc2.bias": (10,)}
    return {
        name: np.where(draw.random(shape) < density, draw.choice(book, shape), np.float32(0))
        for name, shape in shapes.items()
    }


def test_a_codebook_for_the_network_or_for_each_layer() -> None:
    def books(tensors: dict[str, Array]) -> tuple[list[int], list[int]]:
        found, choice = find_codebooks({name: each.view(np.uint32) for name, each in tensors.items()})
        return [len(each.entries) for each in found], choice

    one, two = np.arange(1, 201, dtype=np.float32), np.arange(201, 401, dtype=np.float32)
    many = np.arange(1, 1_001, dtype=np.float32)
    assert books({"a.weight": one, "a.bias": one[:5], "b.weight": one}) == ([200], [1, 1, 1])
    assert books({"a.weight": one, "b.weight": two, "b.bias": two[:3]}) == ([200, 200], [1, 2, 2])
    assert books({"a.weight": many, "b.weight": two}) == ([200], [0, 1])
    assert books({"a.weight": np.zeros(5, np.float32)}) == ([], [0])


def test_the_size_is_that_of_positions_and_indices() -> None:
    tensors = codebook_network()
    kept = sum(int((each != 0).sum()) for each in tensors.values())
    assert kept > 180
    assert 8 * len(packed(tensors)) < kept * (np.log2(np.e * 100) + 4) + 16 * 16 + 250
    assert same(tensors, packed(tensors))


def test_dead_units_cost_nearly_nothing() -> None:
    tensors = codebook_network(density=0.2)
    for name in ("fc1.weight", "fc1.bias"):
        tensors[name][10:] = 0
    tensors["fc2.weight"][:, 10:] = 0
    shorter = {**tensors, **{name: tensors[name][:10] for name in ("fc1.weight", "fc1.bias")}}
    shorter["fc2.weight"] = np.ascontiguousarray(tensors["fc2.weight"][:, :10])
    assert len(packed(tensors)) <= len(packed(shorter)) + 15


def test_float32_entries_and_values_without_a_codebook() -> None:
    draw = np.random.default_rng(0)
    assert same({"a": np.array([1 / 3, 0, 1e30], np.float32)}, packed({"a": np.array([1 / 3, 0, 1e30], np.float32)}))
    tensors = {"a": draw.normal(size=(30, 20)).astype(np.float32)}
    assert same(tensors, packed(tensors))
    assert len(packed(tensors)) < 600 * 4


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=60))
def test_any_bytes_are_tensors_or_refused(content: bytes) -> None:
    try:
        found = read(Reader(content), [(4, 3), (4,), (2, 4)])
    except ValueError:
        return
    assert [each.shape for each in found] == [(4, 3), (4,), (2, 4)]
