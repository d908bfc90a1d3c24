"""The pruning method behind `pruning.py`, in a file of its own because its class statement needs torch imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import prune as torch_prune
from torch.nn.utils.prune import BasePruningMethod

from prunesweep.pruning import allocation, structure
from prunesweep.pruning.allocation import Budget
from prunesweep.pruning.settings import Pruning


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


def prune(
    pruning: Pruning,
    scores: Mapping[str, Tensor],
    magnitudes: Mapping[str, Tensor],
    shapes: Mapping[str, Sequence[int]],
    before: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """Mask the lowest `scores` until as many are pruned as `pruning` asks for; return all masks.

    What is pruned already stays pruned, and counts. The count is exact. Of equal scores those that `torch.topk` finds
    first go, as in torch's own L1Unstructured.

    Args:
        pruning: resolved: its target is an `amount`.
        scores: parameter name (`conv1.weight`) -> importance, of the parameter's shape, on the CPU.
        magnitudes: likewise |w|, by which the scope `magnitude` splits the amount.
        shapes: of all selected parameters; under `channel` their biases have no scores of their own.
        before: name -> boolean mask from an earlier pruning; none for what has not been pruned yet.

    Returns:
        parameter name -> boolean mask of the parameter's shape, true where it is kept.
    """
    kind = pruning.structure
    if kind == "n_of_m":
        return {
            name: structure.n_of_m(_below_all(score, before.get(name)), pruning.n, pruning.m)
            for name, score in scores.items()
        }

    def of_units(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: structure.unit_scores(kind, value).contiguous() for name, value in values.items()}

    alive = {
        name: mask if kind != "channel" else mask.flatten(1).any(1) for name, mask in before.items() if name in scores
    }
    least = {
        name: allocation.least_kept(pruning.floor, size, kind) for name, size in pruning.tensors(shapes).units.items()
    }
    asked = pruning.budgets(shapes)
    if pruning.scope == "magnitude":
        by_magnitude = lowest(of_units(magnitudes), asked, alive, least)
        asked = tuple(Budget((name,), int((~mask).sum())) for name, mask in by_magnitude.items())
    return structure.spread(kind, lowest(of_units(scores), asked, alive, least), shapes)


def _below_all(score: Tensor, mask: Tensor | None) -> Tensor:
    """`score` with what `mask` has pruned ranked last."""
    return score if mask is None else score.masked_fill(~mask, float("-inf"))


def lowest(
    scores: Mapping[str, Tensor], budgets: Sequence[Budget], alive: Mapping[str, Tensor], least: Mapping[str, int]
) -> dict[str, Tensor]:
    """Boolean masks without the lowest `scores` of each quota; `least` of each tensor's highest are never taken."""
    holders = {name: nn.Module() for name in scores}  # torch prunes parameters of modules, and units are no weights
    for name, holder in holders.items():
        holder.register_parameter("units", nn.Parameter(scores[name], requires_grad=False))
        torch_prune.custom_from_mask(holder, "units", alive.get(name, scores[name].new_ones(scores[name].shape)))
    masks = {name: holder.get_buffer("units_mask") for name, holder in holders.items()}
    for budget in budgets:
        gone = sum(int((masks[name] == 0).sum()) for name in budget.names)
        torch_prune.global_unstructured(
            [(holders[name], "units") for name in budget.names],
            LowestScores,
            importance_scores={
                (holders[name], "units"): _guarded(scores[name], masks[name] == 0, least[name]) for name in budget.names
            },
            amount=max(budget.count - gone, 0),
        )
    return {name: holder.get_buffer("units_mask").bool() for name, holder in holders.items()}


def _guarded(scores: Tensor, gone: Tensor, least: int) -> Tensor:
    """`scores` with the `least` highest of those that are not `gone` out of reach."""
    if not least:
        return scores
    highest = scores.masked_fill(gone, float("-inf")).flatten().topk(least).indices
    return scores.flatten().index_fill(0, highest, float("inf")).view_as(scores)
