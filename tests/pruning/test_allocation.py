import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunesweep.errors import UsageError
from prunesweep.pruning.allocation import (
    Budget,
    Units,
    budgets,
    check_groups,
    check_layers,
    check_reachable,
    erk,
    layer_of,
    least_kept,
)

TWO = Units.of("unstructured", {"a.weight": (2, 5), "b.weight": (4, 10)})
CONV = {"conv.weight": (2, 3, 2, 2), "conv.bias": (2,)}


def test_an_unstructured_unit_is_a_single_weight_or_bias() -> None:
    units = Units.of("unstructured", CONV)
    assert units.counts == {"conv.weight": 24, "conv.bias": 2}
    assert units.total == 26


def test_a_channel_is_an_output_with_its_bias() -> None:
    units = Units.of("channel", CONV)
    assert units.counts == {"conv.weight": 2}
    assert units.shapes == {"conv.weight": (2, 3, 2, 2)}


def test_units_without_a_parameter() -> None:
    assert TWO.without(["a.weight"]) == Units({"b.weight": (4, 10)}, {"b.weight": 40})


def test_global_scope_is_one_budget_over_all_layers() -> None:
    assert budgets(TWO, "global", 0.5, {}) == (Budget(("a.weight", "b.weight"), 25),)


def test_layerwise_scope_is_one_budget_for_each_layer() -> None:
    assert budgets(TWO, "layerwise", 0.5, {}) == (Budget(("a.weight",), 5), Budget(("b.weight",), 20))


def test_the_fraction_of_a_layer_replaces_the_amount() -> None:
    assert budgets(TWO, "global", 0.5, {"a": 0.9}) == (Budget(("a.weight",), 9), Budget(("b.weight",), 20))
    assert budgets(TWO, "erk", 0.5, {"a": 0.9, "b": 0.1}) == (Budget(("a.weight",), 9), Budget(("b.weight",), 4))


def test_erk_by_hand() -> None:
    """Kept 15 of 50; raw densities 7/10 and 14/40, so 7 and 14 at scale 1: 5 and 10 at 5/7."""
    assert erk(TWO, 35) == {"a.weight": 5, "b.weight": 30}


def test_erk_keeps_a_layer_whole_if_its_share_exceeds_its_size() -> None:
    assert erk(TWO, 10) == {"a.weight": 0, "b.weight": 10}


@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=5),
    st.floats(0, 1),
)
def test_erk_is_exact_and_within_the_size_of_each_layer(shapes: list[tuple[int, int]], amount: float) -> None:
    units = Units.of("unstructured", {f"{number}.weight": shape for number, shape in enumerate(shapes)})
    count = round(amount * units.total)
    pruned = erk(units, count)
    assert sum(pruned.values()) == count
    assert all(0 <= pruned[name] <= size for name, size in units.counts.items())
    assert units.total == sum(map(math.prod, shapes))


@pytest.mark.parametrize(
    ("floor", "structure", "kept"),
    [
        (0, "unstructured", 0), (0, "channel", 1), (0.25, "unstructured", 3), (0.05, "channel", 1),
        (4, "unstructured", 4), (99, "unstructured", 10), (1, "channel", 1),
    ],
)  # fmt: skip
def test_number_of_ten_units_that_are_kept(floor: float, structure: str, kept: int) -> None:
    assert least_kept(floor, 10, structure) == kept


def test_a_budget_above_the_floors_is_refused_with_the_maximum() -> None:
    check_reachable(TWO, [Budget(("a.weight", "b.weight"), 45)], 0.1, "unstructured")
    message = r"prune.floor=0.1: 46 of 50 units of a, b should be pruned, but at most 45 can be \(a fraction of 0.9\)"
    with pytest.raises(UsageError, match=message):
        check_reachable(TWO, [Budget(("a.weight", "b.weight"), 46)], 0.1, "unstructured")


def test_a_fraction_for_a_layer_that_is_not_selected_is_refused() -> None:
    check_layers({"a": 0.5}, ["a.weight"])
    with pytest.raises(UsageError, match=r"prune.per_layer=conv2: must be one of conv1, fc1. Did you mean 'conv1'"):
        check_layers({"conv2": 0.5}, ["conv1.weight", "conv1.bias", "fc1.weight"])


def test_groups_must_divide_the_inputs_of_each_layer() -> None:
    check_groups({"fc.weight": (10, 8)}, 4)
    message = r"prune.m=4: must divide .* It does not divide conv1 \(25\).*'layers.exclude=\[conv1\]'"
    with pytest.raises(UsageError, match=message):
        check_groups({"conv1.weight": (6, 1, 5, 5), "fc.weight": (10, 8)}, 4)


def test_layer_of_a_parameter() -> None:
    assert layer_of("conv1.weight") == "conv1"
    assert layer_of("body.0.bias") == "body.0"


def test_offsets_change_the_fractions_and_not_the_total() -> None:
    even = budgets(TWO, "layerwise", 0.5, {}, {})
    assert even == budgets(TWO, "layerwise", 0.5, {})
    shifted = budgets(TWO, "layerwise", 0.6, {}, {"a": math.log(3)})  # of 20 kept: 3 s 10 + s 40 = 20
    assert shifted == (Budget(("a.weight",), 1), Budget(("b.weight",), 29))
    fixed = budgets(TWO, "layerwise", 0.5, {"b": 0.9}, {"a": 5.0})
    assert fixed == (Budget(("b.weight",), 36), Budget(("a.weight",), 5)), "nobody else can keep more"
