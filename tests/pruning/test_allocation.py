import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunesweep.errors import UsageError
from prunesweep.pruning.allocation import (
    Budget,
    Units,
    budgets,
    check_layers,
    check_reachable,
    erk,
    least_kept,
)

TWO = Units({"a.weight": (2, 5), "b.weight": (4, 10)}, {"a.weight": 10, "b.weight": 40})


def test_global_is_one_quota_over_all() -> None:
    assert budgets(TWO, "global", 0.5, {}) == (Budget(("a.weight", "b.weight"), 25),)


def test_layerwise_is_one_each() -> None:
    assert budgets(TWO, "layerwise", 0.5, {}) == (Budget(("a.weight",), 5), Budget(("b.weight",), 20))


def test_a_layers_own_amount_comes_before_the_rest() -> None:
    assert budgets(TWO, "global", 0.5, {"a": 0.9}) == (Budget(("a.weight",), 9), Budget(("b.weight",), 20))
    assert budgets(TWO, "erk", 0.5, {"a": 0.9, "b": 0.1}) == (Budget(("a.weight",), 9), Budget(("b.weight",), 4))


def test_erk_by_hand() -> None:
    """Kept 15 of 50; raw densities 7/10 and 14/40, so 7 and 14 at scale 1: 5 and 10 at 5/7."""
    assert erk(TWO, 35) == {"a.weight": 5, "b.weight": 30}


def test_erk_leaves_whole_what_would_have_to_keep_more_than_it_has() -> None:
    assert erk(TWO, 10) == {"a.weight": 0, "b.weight": 10}


SHAPES = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=5)


@given(SHAPES, st.floats(0, 1))
def test_erk_is_exact_and_within_bounds(shapes: list[tuple[int, int]], amount: float) -> None:
    tensors = Units(dict(enumerate(shapes)), {n: math.prod(shape) for n, shape in enumerate(shapes)})  # type: ignore[arg-type]
    count = round(amount * sum(tensors.units.values()))
    found = erk(tensors, count)
    assert sum(found.values()) == count
    assert all(0 <= found[name] <= size for name, size in tensors.units.items())


@pytest.mark.parametrize(
    ("floor", "structure", "kept"),
    [
        (0, "unstructured", 0), (0, "channel", 1), (0.25, "unstructured", 3), (0.05, "channel", 1),
        (4, "unstructured", 4), (99, "unstructured", 10), (1, "channel", 1),
    ],
)  # fmt: skip
def test_what_ten_units_keep(floor: float, structure: str, kept: int) -> None:
    assert least_kept(floor, 10, structure) == kept


def test_a_quota_above_the_floors_says_what_can_be_reached() -> None:
    check_reachable(TWO, [Budget(("a.weight", "b.weight"), 45)], 0.1, "unstructured")
    with pytest.raises(UsageError, match=r"prune.floor=0.1: of a, b 46 of 50 should go, but at most 45 can .*0.9\)"):
        check_reachable(TWO, [Budget(("a.weight", "b.weight"), 46)], 0.1, "unstructured")


def test_a_layer_that_is_not_selected() -> None:
    check_layers({"a": 0.5}, ["a.weight"])
    with pytest.raises(UsageError, match=r"prune.per_layer=conv2: must be one of conv1, fc1. Did you mean 'conv1'"):
        check_layers({"conv2": 0.5}, ["conv1.weight", "conv1.bias", "fc1.weight"])
