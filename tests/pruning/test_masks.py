import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils import prune as torch_prune

from prunesweep.models.build import build
from prunesweep.models.settings import LeNet5
from prunesweep.pruning.allocation import Budget
from prunesweep.pruning.masks import mask_lowest, prune
from prunesweep.pruning.spec import Fractions, PruneSpec

Tensors = dict[str, torch.Tensor]


def spec(amount: float, per_layer: dict[str, float] | None = None, **fields: object) -> PruneSpec:
    return PruneSpec("l1", Fractions(amount, per_layer or {}), **fields)  # type: ignore[arg-type]


def rows(*values: list[float]) -> Tensors:
    """Return the scores of one layer for each row. The layers are called 0, 1, ..."""
    return {f"{number}.weight": torch.tensor([row]) for number, row in enumerate(values)}


def masks(
    spec: PruneSpec, scores: Tensors, before: Tensors | None = None, magnitudes: Tensors | None = None
) -> Tensors:
    shapes = {name: tuple(score.shape) for name, score in scores.items()}
    return prune(spec, scores, magnitudes or scores, shapes, before or {})


def kept(masks: Tensors) -> list[list[int]]:
    return [mask.int().flatten().tolist() for mask in masks.values()]


SCORES = rows([1.0, 2.0, 3.0, 8.0], [0.5, 4.0, 5.0, 9.0])


def test_global_scope_ranks_all_weights_together() -> None:
    assert kept(masks(spec(0.5), SCORES)) == [[0, 0, 0, 1], [0, 1, 1, 1]]


def test_layerwise_scope_prunes_the_same_fraction_of_each_layer() -> None:
    assert kept(masks(spec(0.5, scope="layerwise"), SCORES)) == [[0, 0, 1, 1], [0, 0, 1, 1]]


def test_a_layer_with_its_own_fraction() -> None:
    pruning = spec(0.25, {"1": 0.75})
    assert kept(masks(pruning, SCORES)) == [[0, 1, 1, 1], [0, 0, 0, 1]]
    assert pruning.requested({name: tuple(score.shape) for name, score in SCORES.items()}) == 0.5


def test_magnitude_scope_prunes_as_many_of_each_layer_as_global_magnitude_would() -> None:
    scores = rows([9.0, 8.0, 7.0, 6.0], [1.0, 2.0, 3.0, 4.0])
    assert kept(masks(spec(0.5, scope="magnitude"), scores, magnitudes=SCORES)) == [
        [1, 0, 0, 0],
        [0, 1, 1, 1],
    ]


def test_a_floor_keeps_the_highest_of_each_layer() -> None:
    scores = rows([1.0, 2.0], [5.0, 6.0, 7.0, 8.0])
    assert kept(masks(spec(0.5), scores)) == [[0, 0], [0, 1, 1, 1]]
    assert kept(masks(spec(0.5, floor=1), scores)) == [[0, 1], [0, 0, 1, 1]]


def test_channels_are_pruned_as_a_whole_with_their_biases() -> None:
    scores = {"a.weight": torch.tensor([[1.0, 1.0], [9.0, 1.0], [2.0, 2.0]])}
    shapes = {"a.weight": (3, 2), "a.bias": (3,)}
    result = prune(spec(1 / 3, structure="channel"), scores, scores, shapes, {})
    assert result["a.weight"].int().tolist() == [[0, 0], [1, 1], [1, 1]]
    assert result["a.bias"].int().tolist() == [0, 1, 1]
    further = prune(spec(0.67, structure="channel"), scores, scores, shapes, result)
    assert further["a.bias"].int().tolist() == [0, 1, 0]


def test_each_layer_keeps_at_least_one_channel() -> None:
    scores = {"a.weight": torch.tensor([[1.0], [2.0]]), "b.weight": torch.tensor([[3.0], [4.0], [5.0]])}
    shapes = {name: tuple(score.shape) for name, score in scores.items()}
    result = prune(spec(0.6, structure="channel"), scores, scores, shapes, {})
    assert kept(result) == [[0, 1], [0, 0, 1]]


def test_two_of_four() -> None:
    assert kept(masks(spec(0.5, structure="n_of_m", group=(2, 4)), SCORES)) == [[0, 0, 1, 1], [0, 0, 1, 1]]


def test_negative_scores_rank_below_positive_ones() -> None:
    assert kept(masks(spec(1 / 3), rows([-5.0, 0.0, 2.0]))) == [[0, 1, 1]]


def test_pruned_weights_stay_pruned_and_count_towards_the_amount() -> None:
    before = {"0.weight": torch.tensor([[False, True, True, True]])}
    assert kept(masks(spec(0.5), rows([9.0, 1.0, 2.0, 3.0]), before)) == [[0, 0, 1, 1]]


@pytest.mark.parametrize("amount", [0.1, 0.2, 0.5, 0.98])
def test_masks_equal_those_of_torchs_own_l1(amount: float) -> None:
    ours = build(LeNet5(), (1, 28, 28), 10)
    theirs = copy.deepcopy(ours)
    scores = {name: value.detach().abs() for name, value in ours.named_parameters() if name.endswith("weight")}
    result = masks(spec(amount), scores)
    places = [(module, "weight") for module in theirs if hasattr(module, "weight")]
    torch_prune.global_unstructured(places, pruning_method=torch_prune.L1Unstructured, amount=amount)
    assert all(
        torch.equal(result[f"{name}.weight"], module.weight_mask.bool())
        for name, module in theirs.named_children()
        if hasattr(module, "weight")
    )


@settings(deadline=None, max_examples=60)
@given(
    st.floats(0, 1), st.sampled_from(["global", "layerwise", "erk", "magnitude"]),
    st.lists(st.integers(1, 9), min_size=1, max_size=4), st.booleans(),
)  # fmt: skip
def test_the_count_is_exact_and_masks_are_nested(amount: float, scope: str, sizes: list[int], ties: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    scores = rows(*[[1.0] * size if ties else torch.rand(size, generator=generator).tolist() for size in sizes])
    half = masks(spec(amount / 2, scope=scope), scores)
    full = masks(spec(amount, scope=scope), scores, half)
    pruned = [int((~mask).sum()) for mask in full.values()]
    if scope == "layerwise":
        assert pruned == [round(amount * size) for size in sizes]
    elif scope == "erk":  # by rounding, a layer may lose one weight less as the amount rises
        at_once = masks(spec(amount, scope=scope), scores)
        assert sum(int((~mask).sum()) for mask in at_once.values()) == round(amount * sum(sizes))
    else:
        assert sum(pruned) == round(amount * sum(sizes))
    assert all(not (full[name] & ~half[name]).any() for name in full)


def test_n_of_m_keeps_no_weight_that_an_earlier_pruning_masked() -> None:
    before = {"0.weight": torch.tensor([[True, True, False, True]])}
    assert kept(masks(spec(0.5, structure="n_of_m", group=(2, 4)), rows([1.0, 2.0, 9.0, 8.0]), before)) == [
        [0, 1, 0, 1]
    ]


def test_several_budgets_are_ranked_separately() -> None:
    lowest = mask_lowest(SCORES, [Budget(("0.weight",), 1), Budget(("1.weight",), 2)], {}, dict.fromkeys(SCORES, 0))
    assert kept(lowest) == [[0, 1, 1, 1], [0, 0, 1, 1]]


ROWS = {"a.weight": torch.tensor([[1.0, 2.0, 3.0, 4.0], [10.0, 20.0, 30.0, 40.0]])}


def test_output_scope_prunes_the_same_number_of_weights_of_each_output() -> None:
    assert kept(masks(spec(0.5, scope="output"), ROWS)) == [[0, 0, 1, 1, 0, 0, 1, 1]]
    assert kept(masks(spec(0.5, scope="layerwise"), ROWS)) == [[0, 0, 0, 0, 1, 1, 1, 1]]


def test_output_scope_gives_what_cannot_be_divided_to_the_lowest_scores() -> None:
    assert kept(masks(spec(3 / 8, scope="output"), ROWS)) == [[0, 0, 1, 1, 0, 1, 1, 1]]


def test_output_scope_counts_weights_that_are_pruned_already() -> None:
    before = {"a.weight": torch.tensor([[True] * 4, [True, True, False, False]])}
    assert kept(masks(spec(0.5, scope="output"), ROWS, before)) == [[0, 0, 1, 1, 1, 1, 0, 0]]


def test_the_biases_of_a_layer_are_one_group_in_output_scope() -> None:
    assert kept(masks(spec(0.5, scope="output"), {"a.bias": torch.tensor([3.0, 1.0, 2.0, 4.0])})) == [[1, 0, 0, 1]]
