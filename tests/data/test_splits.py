import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from prunesweep.data.splits import stratified_split


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.data())
def test_each_class_is_held_out_in_proportion(labels: list[int], data: st.DataObject) -> None:
    size = data.draw(st.integers(0, len(labels)))
    rest, held_out = stratified_split(np.array(labels), size)
    assert sorted([*rest, *held_out]) == list(range(len(labels)))
    assert len(held_out) == size
    for label in set(labels):
        share = size * labels.count(label) / len(labels)
        assert abs(sum(labels[index] == label for index in held_out) - share) < 1 + 1e-9


def test_the_split_never_changes() -> None:
    _, held_out = stratified_split(np.arange(100) % 10, 10)
    assert held_out.tolist() == [2, 7, 26, 30, 54, 55, 71, 78, 93, 99]


def test_the_examples_of_a_class_are_shuffled() -> None:
    _, held_out = stratified_split(np.zeros(100, np.int64), 10)
    assert held_out.tolist() != list(range(0, 100, 10))
