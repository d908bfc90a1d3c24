import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune as torch_prune

from prunesweep.errors import UsageError
from prunesweep.models import LeNet5
from prunesweep.pruning import Pruning, prune


def linear(*rows: list[float]) -> nn.Sequential:
    """One linear layer a row, called 0, 1, …, with these weights."""
    model = nn.Sequential(*(nn.Linear(len(row), 1, bias=False) for row in rows))
    for layer, row in zip(model, rows, strict=True):
        layer.weight.data = torch.tensor([row])
    return model


def magnitudes(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().abs() for name, value in model.named_parameters() if name.endswith("weight")}


def test_global_ranks_all_weights_together() -> None:
    model = linear([1.0, -2.0, 3.0, 8.0], [0.5, 4.0, 5.0, -9.0])
    masks = prune(model, magnitudes(model), "global", 0.5)
    assert masks["0.weight"].tolist() == [[0, 0, 0, 1]]
    assert masks["1.weight"].tolist() == [[0, 1, 1, 1]]


def test_layerwise_takes_the_same_fraction_of_each() -> None:
    model = linear([1.0, -2.0, 3.0, 8.0], [0.5, 4.0, 5.0, -9.0])
    masks = prune(model, magnitudes(model), "layerwise", 0.5)
    assert masks["0.weight"].tolist() == [[0, 0, 1, 1]]
    assert masks["1.weight"].tolist() == [[0, 0, 1, 1]]


def test_negative_scores_rank_below_positive_ones() -> None:
    model = linear([1.0, 1.0, 1.0])
    masks = prune(model, {"0.weight": torch.tensor([[-5.0, 0.0, 2.0]])}, "global", 1 / 3)
    assert masks["0.weight"].tolist() == [[0, 1, 1]]


def test_what_is_pruned_stays_pruned_and_the_amount_is_of_all() -> None:
    model = linear([1.0, 2.0, 3.0, 4.0])
    prune(model, magnitudes(model), "global", 0.25)
    again = prune(model, {"0.weight": torch.tensor([[9.0, 1.0, 2.0, 3.0]])}, "global", 0.5)
    assert again["0.weight"].tolist() == [[0, 0, 1, 1]]


def test_sparsity_cannot_fall() -> None:
    model = linear([1.0, 2.0, 3.0, 4.0])
    prune(model, magnitudes(model), "global", 0.5)
    with pytest.raises(ValueError, match="2 of 4 weights are pruned already"):
        prune(model, {"0.weight": torch.ones(1, 4)}, "global", 0.25)


@pytest.mark.parametrize("amount", [0.1, 0.2, 0.5, 0.98])
def test_the_masks_are_those_of_torchs_own_l1(amount: float) -> None:
    ours = LeNet5().build((1, 28, 28), 10)
    theirs = copy.deepcopy(ours)
    masks = prune(ours, magnitudes(ours), "global", amount)
    places = [(module, "weight") for module in theirs if hasattr(module, "weight")]
    torch_prune.global_unstructured(places, pruning_method=torch_prune.L1Unstructured, amount=amount)
    assert all(
        torch.equal(masks[f"{name}.weight"], module.weight_mask)
        for name, module in theirs.named_children()
        if hasattr(module, "weight")
    )


@settings(deadline=None, max_examples=50)
@given(
    st.floats(0, 1), st.sampled_from(["global", "layerwise"]), st.lists(st.integers(1, 9), min_size=1, max_size=4),
    st.booleans(),
)  # fmt: skip
def test_the_count_is_exact(amount: float, scope: str, sizes: list[int], ties: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    model = linear(*[[1.0] * size if ties else torch.rand(size, generator=generator).tolist() for size in sizes])
    masks = prune(model, magnitudes(model), scope, amount)
    pruned = [int((mask == 0).sum()) for mask in masks.values()]
    if scope == "global":
        assert sum(pruned) == round(amount * sum(sizes))
    else:
        assert pruned == [round(amount * size) for size in sizes]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"amount": 1.5}, "prune.amount=1.5: must be at least 0 and at most 1"),
        ({"amount": float("nan")}, "prune.amount=nan"),
        ({"scope": "globl"}, "prune.scope=globl"),
        ({"criterion": "l3"}, "prune.criterion=l3: must be one of l1, l2, random, custom"),
        ({"criterion": "custom"}, "prune.target"),
        ({"target": "my.score"}, "prune.target=my.score"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Pruning(**settings)  # type: ignore[arg-type]
