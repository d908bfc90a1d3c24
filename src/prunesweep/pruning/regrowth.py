"""Masks that change both ways: weights are pruned, and pruned weights return, at the same total number."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

MARGIN = 0.1
"""How far the two thresholds of `hysteresis` are from their middle, as a fraction of it (Guo et al. 2016)."""


def exchange(magnitudes: Tensor, growth: Tensor, mask: Tensor, fraction: float, exempt: Tensor | None = None) -> Tensor:
    """Return a mask that drops a fraction of the kept weights, the smallest, and grows the same number of others.

    A weight that is dropped can be grown at once. It then keeps its value.
    Source: Evci, Gale, Menick, Castro, Elsen, "Rigging the lottery" (2020), algorithm 1.

    Args:
        magnitudes: |w|, any shape.
        growth: Scores of the same shape; the highest are grown. Of equal scores, those that `torch.topk` returns first.
        mask: True where the weight is kept.
        fraction: The part of the kept weights to exchange, in [0, 1].
        exempt: True where a weight must not be dropped.
    """
    droppable = mask if exempt is None else mask & ~exempt
    count = min(round(fraction * int(mask.sum())), int(droppable.sum()))
    result = mask.flatten().clone()
    result[magnitudes.masked_fill(~droppable, math.inf).flatten().topk(count, largest=False).indices] = False
    grown = growth.flatten().masked_fill(result, -math.inf).topk(count).indices
    result[grown] = True
    return result.view_as(mask)


def cosine(fraction: float, progress: float) -> float:
    """Return the fraction to exchange after `progress` in [0, 1]: half a cosine wave down to 0 (Evci et al., eq. 1)."""
    return fraction / 2 * (1 + math.cos(math.pi * progress))


def hysteresis(magnitudes: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return scores whose ranking applies two thresholds to each layer, a lower one to its kept weights.

    The thresholds of a layer are 0.9 t and 1.1 t with t = m + c s, where m and s are the mean and the standard
    deviation of |w| in the layer: a kept weight is pruned below 0.9 t, a pruned one returns above 1.1 t. The score of a
    weight is the largest c at which it is kept. So keeping the highest scores finds the c that keeps an exact number.
    Source: Guo, Yao, Chen, "Dynamic network surgery for efficient DNNs" (2016), eq. 3.

    Args:
        magnitudes: Parameter name -> |w|, also of pruned weights.
        masks: Parameter name -> true where the weight is kept; parameters without a mask are kept.
    """
    scores = {}
    for name, magnitude in magnitudes.items():
        kept = masks.get(name, torch.ones_like(magnitude, dtype=torch.bool))
        reached = magnitude.double() / torch.where(kept, 1 - MARGIN, 1 + MARGIN)
        deviation = magnitude.double().std(correction=0).clamp(min=torch.finfo(torch.float64).tiny)
        scores[name] = (reached - magnitude.double().mean()) / deviation
    return scores
