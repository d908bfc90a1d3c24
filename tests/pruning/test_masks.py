import copy
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils import prune as torch_prune

from prunesweep.errors import UsageError
from prunesweep.models.settings import LeNet5
from prunesweep.pruning.masks import prune
from prunesweep.pruning.settings import Pruning
from prunesweep.pruning.spec import resolved

Tensors = dict[str, torch.Tensor]


def rows(*values: list[float]) -> Tensors:
    """One layer a row, called 0, 1, …, with these scores."""
    return {f"{number}.weight": torch.tensor([row]) for number, row in enumerate(values)}


def masks(
    pruning: Pruning, scores: Tensors, before: Tensors | None = None, magnitudes: Tensors | None = None
) -> Tensors:
    shapes = {name: tuple(score.shape) for name, score in scores.items()}
    return prune(pruning, scores, magnitudes or scores, shapes, before or {})


def kept(found: Tensors) -> list[list[int]]:
    return [mask.int().flatten().tolist() for mask in found.values()]


SCORES = rows([1.0, 2.0, 3.0, 8.0], [0.5, 4.0, 5.0, 9.0])


def test_global_ranks_all_weights_together() -> None:
    assert kept(masks(Pruning(amount=0.5), SCORES)) == [[0, 0, 0, 1], [0, 1, 1, 1]]


def test_layerwise_takes_the_same_fraction_of_each() -> None:
    assert kept(masks(Pruning(scope="layerwise", amount=0.5), SCORES)) == [[0, 0, 1, 1], [0, 0, 1, 1]]


def test_a_layer_of_its_own_amount() -> None:
    pruning = Pruning(amount=0.25, per_layer={"1": 0.75})
    assert kept(masks(pruning, SCORES)) == [[0, 1, 1, 1], [0, 0, 0, 1]]
    assert pruning.requested({name: tuple(score.shape) for name, score in SCORES.items()}) == 0.5


def test_the_scope_magnitude_takes_as_many_of_each_layer_as_global_magnitude_would() -> None:
    scores = rows([9.0, 8.0, 7.0, 6.0], [1.0, 2.0, 3.0, 4.0])
    assert kept(masks(Pruning(scope="magnitude", amount=0.5), scores, magnitudes=SCORES)) == [
        [1, 0, 0, 0],
        [0, 1, 1, 1],
    ]


def test_a_floor_keeps_the_highest_of_each_layer() -> None:
    scores = rows([1.0, 2.0], [5.0, 6.0, 7.0, 8.0])
    assert kept(masks(Pruning(amount=0.5), scores)) == [[0, 0], [0, 1, 1, 1]]
    assert kept(masks(Pruning(amount=0.5, floor=1), scores)) == [[0, 1], [0, 0, 1, 1]]


def test_channels_go_whole_with_their_biases() -> None:
    scores = {"a.weight": torch.tensor([[1.0, 1.0], [9.0, 1.0], [2.0, 2.0]])}
    shapes = {"a.weight": (3, 2), "a.bias": (3,)}
    found = prune(Pruning(structure="channel", amount=1 / 3), scores, scores, shapes, {})
    assert found["a.weight"].int().tolist() == [[0, 0], [1, 1], [1, 1]]
    assert found["a.bias"].int().tolist() == [0, 1, 1]
    further = prune(Pruning(structure="channel", amount=0.67), scores, scores, shapes, found)
    assert further["a.bias"].int().tolist() == [0, 1, 0]


def test_one_channel_always_stays() -> None:
    scores = {"a.weight": torch.tensor([[1.0], [2.0]]), "b.weight": torch.tensor([[3.0], [4.0], [5.0]])}
    shapes = {name: tuple(score.shape) for name, score in scores.items()}
    found = prune(Pruning(structure="channel", amount=0.6), scores, scores, shapes, {})
    assert kept(found) == [[0, 1], [0, 0, 1]]


def test_two_of_four() -> None:
    assert kept(masks(Pruning(structure="n_of_m", amount=0.5), SCORES)) == [[0, 0, 1, 1], [0, 0, 1, 1]]


def test_negative_scores_rank_below_positive_ones() -> None:
    assert kept(masks(Pruning(amount=1 / 3), rows([-5.0, 0.0, 2.0]))) == [[0, 1, 1]]


def test_what_is_pruned_stays_pruned_and_the_amount_is_of_all() -> None:
    before = {"0.weight": torch.tensor([[False, True, True, True]])}
    assert kept(masks(Pruning(amount=0.5), rows([9.0, 1.0, 2.0, 3.0]), before)) == [[0, 0, 1, 1]]


@pytest.mark.parametrize("amount", [0.1, 0.2, 0.5, 0.98])
def test_the_masks_are_those_of_torchs_own_l1(amount: float) -> None:
    ours = LeNet5().build((1, 28, 28), 10)
    theirs = copy.deepcopy(ours)
    scores = {name: value.detach().abs() for name, value in ours.named_parameters() if name.endswith("weight")}
    found = masks(Pruning(amount=amount), scores)
    places = [(module, "weight") for module in theirs if hasattr(module, "weight")]
    torch_prune.global_unstructured(places, pruning_method=torch_prune.L1Unstructured, amount=amount)
    assert all(
        torch.equal(found[f"{name}.weight"], module.weight_mask.bool())
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
    pruning = Pruning(scope=scope, amount=amount)
    half = masks(replace(pruning, amount=amount / 2), scores)
    found = masks(pruning, scores, half)
    gone = [int((~mask).sum()) for mask in found.values()]
    if scope == "layerwise":
        assert gone == [round(amount * size) for size in sizes]
    else:
        assert sum(gone) == round(amount * sum(sizes)) or scope == "erk"
    if scope == "erk":
        assert sum(int((~mask).sum()) for mask in masks(pruning, scores).values()) == round(amount * sum(sizes))
    assert all(not (found[name] & ~half[name]).any() for name in found)


SHAPES = {"conv1.weight": (2, 1, 5, 5), "fc1.weight": (10, 20)}


@pytest.mark.parametrize(
    ("settings", "amount"),
    [({}, 0.2), ({"amount": 0.7}, 0.7), ({"compression": 2.0}, 150 / 250), ({"structure": "channel"}, 0.2),
     ({"criterion": "none", "amount": 0.9}, 0.0)],
)  # fmt: skip
def test_the_target_becomes_an_amount(settings: dict[str, object], amount: float) -> None:
    settled = resolved(Pruning(**settings), SHAPES, params_total=300)  # type: ignore[arg-type]
    assert (settled.amount, settled.compression) == (amount, None)


def test_n_of_m_says_its_own_amount() -> None:
    shapes = {"fc1.weight": (10, 20)}
    assert resolved(Pruning(structure="n_of_m", n=1, m=4), shapes, 200).amount == 0.75


def test_a_compression_is_of_the_whole_model_and_counts_what_layers_lose_of_their_own() -> None:
    settled = resolved(Pruning(compression=2.0, per_layer={"conv1": 0.5}), SHAPES, params_total=300)
    assert sum(budget.count for budget in settled.budgets(SHAPES)) == 150


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"compression": 7.0}, r"prune.compression=7: with 250 of 300 parameters selected from 1 to 6 can be reached"),
        ({"amount": 0.9, "floor": 0.5}, r"prune.floor=0.5: of conv1, fc1 225 of 250 should go, but at most 125 can"),
        ({"per_layer": {"fc1": 0.9}, "floor": 100.0}, r"prune.floor=100: of fc1 180 of 200 should go, but at most 100"),
        ({"per_layer": {"fc2": 0.9}}, r"prune.per_layer=fc2: must be one of conv1, fc1. Did you mean 'fc1'"),
        ({"structure": "n_of_m"}, r"prune.m=4: must divide .* conv1 \(25\)"),
        ({"structure": "channel", "amount": 1.0}, r"one channel a layer has to stay: .* at most 10 can"),
    ],
)
def test_targets_that_cannot_be_reached(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolved(Pruning(**settings), SHAPES, params_total=300)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"amount": 1.5}, "prune.amount=1.5: must be at least 0 and at most 1"),
        ({"amount": float("nan")}, "prune.amount=nan"),
        ({"scope": "globl"}, "prune.scope=globl: .* Did you mean 'global'"),
        ({"structure": "chanel"}, "prune.structure=chanel: .* Did you mean 'channel'"),
        ({"criterion": "l3"}, "prune.criterion=l3: must be one of l1, l2"),
        ({"criterion": "custom"}, "prune.target"),
        ({"target": "my.score"}, "prune.target=my.score"),
        ({"amount": 0.5, "compression": 2.0}, "prune.amount=0.5 prune.compression=2: two ways to say the target"),
        ({"compression": 0.5}, "prune.compression=0.5: must be at least 1"),
        ({"per_layer": {"fc1": 1.2}}, "prune.per_layer.fc1=1.2: must be at least 0 and at most 1"),
        ({"floor": -1.0}, "prune.floor=-1"),
        ({"n": 3, "m": 2}, "prune.m=2: must be at least 3"),
        (
            {"structure": "n_of_m", "amount": 0.7},
            "prune.amount=0.7: prune.structure=n_of_m takes its amount, 0.5, from",
        ),
        ({"structure": "n_of_m", "floor": 1.0}, "prune.scope and prune.floor must go"),
        ({"structure": "channel", "compression": 2.0}, "prune.compression=2: what a channel takes along"),
        ({"iterations": 0}, "prune.iterations=0: must be at least 1"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Pruning(**settings)  # type: ignore[arg-type]
