"""Structures: the units that are pruned as a whole, and the masks of their weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from prunesweep.models.tensors import layer_of
from prunesweep.pruning.allocation import Shapes


def unit_scores(structure: str, scores: Tensor) -> Tensor:
    """Return the scores of the units of a parameter `[out, in, ...]`: for channels `[out]`, the mean over the weights.

    The mean makes layers of different widths comparable.
    """
    return scores.flatten(1).mean(1) if structure == "channel" else scores


def weight_masks(structure: str, kept: Mapping[str, Tensor], shapes: Shapes) -> dict[str, Tensor]:
    """Return boolean masks of the parameters' `shapes` from the masks of their units. A channel includes its bias."""
    if structure != "channel":
        return dict(kept)
    by_layer = {layer_of(name): mask for name, mask in kept.items()}
    return {
        name: by_layer[layer_of(name)].view(-1, *[1] * (len(shape) - 1)).expand(*shape).clone()
        for name, shape in shapes.items()
    }


def n_of_m(scores: Tensor, keep: int, of: int) -> Tensor:
    """Return a boolean mask of the shape of `scores` `[out, in, ...]` that keeps `keep` of every `of` neighbors.

    Neighbors are adjacent along the input dimension, which for a convolution runs over the input channels first: the
    order in which sparse matrix units read it. `torch.topk` decides between equal scores.
    """
    last = scores.movedim(1, -1)  # [out, kernel..., in]
    groups = last.reshape(-1, of)
    mask = torch.zeros_like(groups, dtype=torch.bool)
    mask.scatter_(1, groups.topk(keep, dim=1).indices, value=True)
    return mask.view(last.shape).movedim(-1, 1).contiguous()
