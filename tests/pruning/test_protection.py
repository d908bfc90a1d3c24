from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from prunesweep.models.build import build
from prunesweep.models.settings import LeNet5, LeNet300100
from prunesweep.pruning.cost import cost
from prunesweep.pruning.masks import prune
from prunesweep.pruning.paths import Wiring
from prunesweep.pruning.protection import disconnected, kept_paths, protect
from prunesweep.pruning.spec import Fractions, PruneSpec
from prunesweep.pruning.wiring import trace

Tensors = dict[str, Tensor]
PAIR = nn.Sequential(nn.Flatten(), nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
"""Two inputs, two hidden units, two classes."""
WIRING = trace(PAIR, (1, 1, 2))


def scores_of(first: list[list[float]], second: list[list[float]]) -> Tensors:
    return {"1.weight": torch.tensor(first), "3.weight": torch.tensor(second)}


def masks_of(
    scores: Tensors, keep: int, wiring: Wiring = WIRING, before: Tensors | None = None, **fields: object
) -> tuple[Tensors, Tensors]:
    """Return the masks that keep `keep` weights, with and without protection."""
    total = sum(score.numel() for score in scores.values())
    spec = PruneSpec("l1", Fractions(1 - keep / total), **fields)  # type: ignore[arg-type]
    shapes = {name: tuple(score.shape) for name, score in scores.items()}
    masks = prune(spec, scores, scores, shapes, before or {})
    return protect(spec, wiring, scores, masks, before or {}, shapes), masks


def kept(masks: Tensors) -> list[list[int]]:
    return [mask.int().flatten().tolist() for mask in masks.values()]


def test_connected_masks_stay_as_they_are() -> None:
    scores = scores_of([[9.0, 1.0], [1.0, 8.0]], [[7.0, 1.0], [1.0, 6.0]])
    protected, masks = masks_of(scores, 4)
    assert kept(protected) == kept(masks) == [[1, 0, 0, 1], [1, 0, 0, 1]]


def test_a_class_gets_its_best_weight_from_a_connected_unit_in_exchange_for_the_lowest() -> None:
    """Class 1 has lost its weights. Its best one, 2, comes from unit 0, which has an input. The lowest, 4, is free."""
    scores = scores_of([[9.0, 4.0], [0.5, 0.6]], [[8.0, 0.1], [2.0, 1.0]])
    protected, masks = masks_of(scores, 3)
    assert kept(masks) == [[1, 1, 0, 0], [1, 0, 0, 0]]
    assert kept(protected) == [[1, 0, 0, 0], [1, 0, 1, 0]]


def test_the_fewest_weights_are_restored_even_if_others_have_higher_scores() -> None:
    """Class 1 could read unit 1 (3.0), but this unit has no input: one weight from unit 0 (1.0) is enough."""
    scores = scores_of([[9.0, 8.0], [0.5, 0.6]], [[7.0, 0.1], [1.0, 3.0]])
    assert kept(masks_of(scores, 3)[0]) == [[1, 0, 0, 0], [1, 0, 1, 0]]


def test_an_empty_layer_gets_its_best_path() -> None:
    scores = scores_of([[0.1, 0.4], [0.2, 0.3]], [[9.0, 8.0], [7.0, 6.0]])
    protected, masks = masks_of(scores, 4)
    assert kept(masks) == [[0, 0, 0, 0], [1, 1, 1, 1]]
    assert kept(protected) == [[0, 1, 0, 0], [1, 1, 1, 0]]


def test_wasteful_paths_are_given_up_if_they_leave_no_room() -> None:
    """Of three weights, the two first do not lead to the second class; the fewest weights that do are three."""
    scores = scores_of([[9.0, 0.1], [0.2, 8.0]], [[0.3, 7.0], [0.4, 0.5]])
    protected, _ = masks_of(scores, 3)
    assert kept(protected) == [[0, 0, 0, 1], [0, 1, 0, 1]]


def test_weights_of_an_earlier_pruning_do_not_return() -> None:
    before = {"1.weight": torch.ones(2, 2, dtype=torch.bool), "3.weight": torch.tensor([[True, True], [False, True]])}
    scores = scores_of([[9.0, 8.0], [0.5, 0.6]], [[7.0, 0.1], [1.0, 3.0]])
    assert kept(masks_of(scores, 4, before=before)[0]) == [[1, 0, 0, 1], [1, 0, 0, 1]]


def test_counts_of_layers_with_their_own_amount_stay_exact() -> None:
    scores = scores_of([[9.0, 8.0], [0.5, 0.6]], [[7.0, 6.0], [1.0, 3.0]])
    protected, masks = masks_of(scores, 4, scope="layerwise")
    assert kept(masks) == [[1, 1, 0, 0], [1, 1, 0, 0]]
    assert kept(protected) == [[1, 1, 0, 0], [1, 0, 1, 0]]


def test_a_count_that_does_not_permit_all_paths_serves_as_many_classes_as_possible() -> None:
    scores = scores_of([[9.0, 8.0], [0.5, 0.6]], [[0.1, 0.2], [1.0, 0.3]])
    assert kept(masks_of(scores, 2)[0]) == [[1, 0, 0, 0], [0, 0, 1, 0]]
    assert kept(masks_of(scores, 0)[0]) == [[0, 0, 0, 0], [0, 0, 0, 0]]


def test_a_layer_beside_a_skip_connection_keeps_a_path() -> None:
    class Skip(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(1, 1), nn.Linear(1, 1)

        def forward(self, x: Tensor) -> Tensor:
            x = self.one(x.flatten(1))
            return torch.cat([x, x + self.two(x)], 1)

    scores = {"one.weight": torch.tensor([[9.0]]), "two.weight": torch.tensor([[1.0]])}
    wiring = trace(Skip(), (1, 1, 1))
    assert kept(masks_of(scores, 1, wiring)[0]) == [[1], [0]], "no room"
    assert kept(masks_of(scores, 2, wiring)[0]) == [[1], [1]]


def test_layers_that_cannot_be_followed_keep_one_weight() -> None:
    scores = scores_of([[9.0, 8.0], [0.5, 0.6]], [[0.1, 0.2], [1.0, 0.3]])
    assert kept(masks_of(scores, 2, Wiring())[0]) == [[1, 0, 0, 0], [0, 0, 1, 0]]


def test_kept_paths_are_kept_weights_on_the_best_paths() -> None:
    scores = scores_of([[9.0, 8.0], [5.0, 0.6]], [[7.0, 6.0], [1.0, 3.0]])
    masks = {name: score > 0.9 for name, score in scores.items()}
    assert kept(kept_paths(WIRING, scores, masks)) == [[1, 0, 0, 0], [1, 0, 1, 0]]


@settings(deadline=None, max_examples=60)
@given(
    keep=st.integers(0, 30), seed=st.integers(0, 99), widths=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    classes=st.integers(2, 4), ties=st.booleans(),
)  # fmt: skip
def test_every_class_is_connected_whenever_the_count_permits(
    keep: int, seed: int, widths: list[int], classes: int, ties: bool
) -> None:
    """A path to the first class takes a weight of each layer, and each further class one weight."""
    sizes = [3, *widths, classes]
    layers = [nn.Linear(one, other) for one, other in pairwise(sizes)]
    model = nn.Sequential(nn.Flatten(), *layers)
    generator = torch.Generator().manual_seed(seed)
    names = [name for name, parameter in model.named_parameters() if parameter.dim() > 1]
    scores = {
        name: torch.ones(model.get_parameter(name).shape)
        if ties
        else torch.rand(model.get_parameter(name).shape, generator=generator)
        for name in names
    }
    total = sum(score.numel() for score in scores.values())
    keep = min(keep, total)
    wiring = trace(model, (1, 1, 3))
    protected, masks = masks_of(scores, keep, wiring)
    assert sum(int(mask.sum()) for mask in protected.values()) == keep
    if keep >= len(layers) - 1 + classes:
        assert not disconnected(wiring, protected)
        assert cost(model, protected, tuple(names), (1, 1, 3)).dead_layers == ()
    if not disconnected(wiring, masks):
        assert kept(protected) == kept(masks)


@pytest.mark.parametrize("network", [LeNet5(), LeNet300100()], ids=lambda each: each.name)
def test_a_lenet_at_the_limit_has_no_dead_layer(network: LeNet5 | LeNet300100) -> None:
    """With one weight more than the smallest connected network has."""
    torch.manual_seed(0)
    model = build(network, (1, 28, 28), 10)
    scores = {name: value.detach().abs() for name, value in model.named_parameters() if value.dim() > 1}
    protected, masks = masks_of(scores, len(scores) + 10, trace(model, (1, 28, 28)))
    names = tuple(scores)
    assert cost(model, masks, names, (1, 28, 28)).dead_layers == tuple(name.removesuffix(".weight") for name in names)
    assert cost(model, protected, names, (1, 28, 28)).dead_layers == ()
    assert sum(int(mask.sum()) for mask in protected.values()) == len(scores) + 10
