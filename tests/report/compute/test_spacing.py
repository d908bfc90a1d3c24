from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunesweep.report.compute.spacing import spaced


def test_labels_with_space_between_them_stay() -> None:
    assert spaced([30, 10, 20], 5, 0, 100) == [30, 10, 20]


def test_labels_at_one_place_are_spread_around_it_in_their_order() -> None:
    assert spaced([50, 50, 50], 10, 0, 100) == pytest.approx([40, 50, 60])
    assert spaced([50, 52], 10, 0, 100) == pytest.approx([46, 56])


def test_labels_stay_within_the_ends() -> None:
    assert spaced([1, 2], 10, 0, 100) == pytest.approx([0, 10])
    assert spaced([99, 100], 10, 0, 100) == pytest.approx([90, 100])


@given(st.lists(st.floats(0, 100), max_size=8), st.floats(0, 12))
def test_labels_are_apart_and_keep_their_order(places: list[float], gap: float) -> None:
    found = spaced(places, gap, 0, 100)
    order = sorted(range(len(places)), key=places.__getitem__)
    assert all(found[b] - found[a] >= gap - 1e-6 for a, b in pairwise(order))
    assert all(-1e-6 <= place <= 100 + 1e-6 for place in found)
