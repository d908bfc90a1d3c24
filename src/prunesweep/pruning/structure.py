"""What is pruned as one unit: single weights, whole output channels, or N of every M neighbours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from prunesweep.errors import UsageError
from prunesweep.pruning.allocation import layer_of

STRUCTURES = ("unstructured", "channel", "n_of_m")


def units(structure: str, shapes: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """Name -> how many units each of the parameters has; biases go with their channel and have none of their own."""
    if structure == "channel":
        return {name: shape[0] for name, shape in shapes.items() if len(shape) > 1}
    return {name: math.prod(shape) for name, shape in shapes.items()}


def unit_scores(structure: str, scores: Tensor) -> Tensor:
    """`[out, in, ...]` -> the scores of its units: `[out]` for channels, the mean over each one's weights.

    The mean is the L1 norm of the scores over their number, so that layers of different width can be ranked together.
    """
    return scores.flatten(1).mean(1) if structure == "channel" else scores


def spread(structure: str, kept: Mapping[str, Tensor], shapes: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """Boolean masks of the parameters' `shapes`, from those of the units; a channel takes its bias along."""
    if structure != "channel":
        return dict(kept)
    by_layer = {layer_of(name): mask for name, mask in kept.items()}
    return {
        name: by_layer[layer_of(name)].view(-1, *[1] * (len(shape) - 1)).expand(*shape).clone()
        for name, shape in shapes.items()
    }


def n_of_m(scores: Tensor, keep: int, of: int) -> Tensor:
    """A boolean mask of the shape of `scores` `[out, in, ...]` that keeps `keep` of every `of` neighbours.

    Neighbours follow each other along the input dimension, which for a convolution runs over the input channels
    first: the order in which sparse matrix units read it. Of equal scores `torch.topk` decides.
    """
    last = scores.movedim(1, -1)  # [out, kernel..., in]
    groups = last.reshape(-1, of)
    mask = torch.zeros_like(groups, dtype=torch.bool)
    mask.scatter_(1, groups.topk(keep, dim=1).indices, value=True)
    return mask.view(last.shape).movedim(-1, 1).contiguous()


def check_divides(shapes: Mapping[str, Sequence[int]], of: int) -> None:
    """Raise `UsageError` where groups of `of` do not fill a layer's input dimension; names the layers."""
    sizes = {layer_of(name): math.prod(shape[1:]) for name, shape in shapes.items()}
    odd = {layer: size for layer, size in sizes.items() if size % of}
    if odd:
        told = ", ".join(f"{layer} ({size})" for layer, size in odd.items())
        raise UsageError(
            f"prune.m={of}: must divide the number of inputs of each selected layer, but does not for {told}. "
            f"Leave them out: 'layers.exclude=[{','.join(odd)}]'."
        )
