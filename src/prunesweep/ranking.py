"""The pruning method behind `pruning.py`, in a file of its own because its class statement needs torch imported."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.utils.prune import BasePruningMethod


class LowestScores(BasePruningMethod):
    """Prunes the `amount` entries of the lowest score: torch's L1Unstructured without its absolute value."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: int) -> None:
        self.amount = amount

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """A mask of the shape of `t`. Ties: those that `torch.topk` returns first are pruned."""
        mask = default_mask.clone(memory_format=torch.contiguous_format)
        mask.view(-1)[torch.topk(t.view(-1), k=self.amount, largest=False).indices] = 0
        return mask
