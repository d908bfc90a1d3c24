import torch
from hypothesis import given
from hypothesis import strategies as st

from prunesweep.pruning.structure import n_of_m, unit_scores, weight_masks

SHAPES = {"conv.weight": (2, 3, 2, 2), "conv.bias": (2,)}


def test_the_score_of_a_channel_is_the_mean_over_its_weights() -> None:
    scores = torch.tensor([[[[1.0, 3.0]]], [[[0.0, 1.0]]]])
    assert unit_scores("channel", scores).tolist() == [2.0, 0.5]
    assert unit_scores("unstructured", scores) is scores


def test_the_mask_of_a_channel_covers_its_weights_and_its_bias() -> None:
    masks = weight_masks("channel", {"conv.weight": torch.tensor([True, False])}, SHAPES)
    assert masks["conv.weight"][0].all()
    assert not masks["conv.weight"][1].any()
    assert masks["conv.weight"].shape == (2, 3, 2, 2)
    assert masks["conv.bias"].tolist() == [True, False]


def test_masks_of_single_weights_are_their_own_unit_masks() -> None:
    kept = {"fc.weight": torch.tensor([[True, False]])}
    assert weight_masks("unstructured", kept, {"fc.weight": (1, 2)}) == kept


def test_two_of_four_by_hand() -> None:
    mask = n_of_m(torch.tensor([[1.0, 5.0, 2.0, 3.0, 9.0, 8.0, 7.0, 6.0]]), 2, 4)
    assert mask.tolist() == [[False, True, False, True, True, True, False, False]]


def test_neighbors_in_a_convolution_are_its_input_channels() -> None:
    scores = torch.tensor([1.0, 2.0, 3.0, 4.0]).view(1, 2, 2, 1)  # channel 0: 1, 2; channel 1: 3, 4
    assert n_of_m(scores, 1, 2).flatten().tolist() == [False, False, True, True]


@given(st.integers(1, 4), st.integers(0, 4), st.integers(1, 3))
def test_every_group_keeps_exactly_n(keep: int, more: int, rows: int) -> None:
    of = keep + more
    mask = n_of_m(torch.rand(rows, 2 * of, 3, generator=torch.Generator().manual_seed(0)), keep, of)
    assert (mask.movedim(1, -1).reshape(-1, of).sum(1) == keep).all()
