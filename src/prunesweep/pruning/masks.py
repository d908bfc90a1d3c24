"""From scores to masks: rank units with `torch.nn.utils.prune` and mask the lowest ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import prune as torch_prune
from torch.nn.utils.prune import BasePruningMethod

from prunesweep.pruning.allocation import Budget, Shapes, Units, least_kept
from prunesweep.pruning.spec import PruneSpec
from prunesweep.pruning.structure import n_of_m, unit_scores, weight_masks


class LowestScores(BasePruningMethod):
    """Prune the `amount` entries with the lowest scores: torch's L1Unstructured without the absolute value."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: int) -> None:
        self.amount = amount

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return a mask of the shape of `t`. Of equal scores, those that `torch.topk` returns first are pruned."""
        mask = default_mask.clone(memory_format=torch.contiguous_format)
        mask.view(-1)[torch.topk(t.view(-1), k=self.amount, largest=False).indices] = 0
        return mask


def prune(
    spec: PruneSpec,
    scores: Mapping[str, Tensor],
    magnitudes: Mapping[str, Tensor],
    shapes: Shapes,
    before: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """Mask the lowest scores until as many units are pruned as `spec` requests, in one pass; return all masks.

    Pruned weights stay pruned and count towards the request. The count is exact. Of equal scores, those that
    `torch.topk` returns first are pruned, as in torch's L1Unstructured.

    Args:
        spec: The target and the structure. `iterations` is ignored.
        scores: Parameter name (`conv1.weight`) -> scores of the parameter's shape, on the CPU.
        magnitudes: Parameter name -> |w|, by which the scope `magnitude` distributes the amount over layers.
        shapes: Shapes of all selected parameters. With `channel`, biases have no scores of their own.
        before: Parameter name -> boolean mask of an earlier pruning; parameters without one are not pruned yet.

    Returns:
        Parameter name -> boolean mask of the parameter's shape, true where the weight is kept.
    """
    structure = spec.structure
    if spec.group is not None:
        keep, of = spec.group
        return {name: n_of_m(_pruned_last(score, before.get(name)), keep, of) for name, score in scores.items()}

    def of_units(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: unit_scores(structure, value).contiguous() for name, value in values.items()}

    alive = {
        name: mask if structure != "channel" else mask.flatten(1).any(1)
        for name, mask in before.items()
        if name in scores
    }
    counts = Units.of(structure, shapes).counts
    least = {name: least_kept(spec.floor, count, structure) for name, count in counts.items()}
    requested = spec.budgets(shapes)
    if spec.scope == "magnitude":
        by_magnitude = mask_lowest(of_units(magnitudes), requested, alive, least)
        requested = tuple(Budget((name,), int((~mask).sum())) for name, mask in by_magnitude.items())
    ranked = of_units(scores)
    if spec.scope == "output":
        ranked = {name: within_outputs(score, alive.get(name)) for name, score in ranked.items()}
    return weight_masks(structure, mask_lowest(ranked, requested, alive, least), shapes)


def within_outputs(scores: Tensor, alive: Tensor | None) -> Tensor:
    """Return scores by which each output loses the same number of weights, up to one.

    They order weights by their rank among the weights of the same output, and equal ranks by score. Weights that are
    pruned already have the lowest ranks, so that they count.
    Source: Sun, Liu, Bair, Kolter, "A simple and effective pruning approach for large language models" (2023),
    section 3 (comparison group).

    Args:
        scores: `[out, in, ...]`. A vector of biases is one group.
        alive: Boolean mask of the same shape of the weights that are not pruned yet, or None for all.
    """
    rows = _pruned_last(scores, alive).reshape(scores.shape[0] if scores.dim() > 1 else 1, -1)  # [out, inputs]
    ranks = rows.argsort(dim=1, stable=True).argsort(dim=1)
    order = rows.flatten().argsort(dim=0, stable=True).argsort().view_as(rows)
    return (ranks.double() * rows.numel() + order).view_as(scores)


def _pruned_last(score: Tensor, mask: Tensor | None) -> Tensor:
    """Return `score` with the lowest possible score for weights that `mask` has pruned."""
    return score if mask is None else score.masked_fill(~mask, float("-inf"))


def mask_lowest(
    scores: Mapping[str, Tensor], budgets: Sequence[Budget], alive: Mapping[str, Tensor], least: Mapping[str, int]
) -> dict[str, Tensor]:
    """Return boolean masks without the lowest `scores` of each budget; `least` of each parameter's highest are kept."""
    holders = {name: nn.Module() for name in scores}  # torch prunes parameters of modules, and units are not weights
    for name, holder in holders.items():
        holder.register_parameter("units", nn.Parameter(scores[name], requires_grad=False))
        torch_prune.custom_from_mask(holder, "units", alive.get(name, scores[name].new_ones(scores[name].shape)))
    masks = {name: holder.get_buffer("units_mask") for name, holder in holders.items()}
    for budget in budgets:
        pruned = sum(int((masks[name] == 0).sum()) for name in budget.names)
        torch_prune.global_unstructured(
            [(holders[name], "units") for name in budget.names],
            LowestScores,
            importance_scores={
                (holders[name], "units"): _protect(scores[name], masks[name] == 0, least[name]) for name in budget.names
            },
            amount=max(budget.count - pruned, 0),
        )
    return {name: holder.get_buffer("units_mask").bool() for name, holder in holders.items()}


def _protect(scores: Tensor, pruned: Tensor, least: int) -> Tensor:
    """Return `scores` with an infinite score for the `least` highest units that are not `pruned`."""
    if not least:
        return scores
    highest = scores.masked_fill(pruned, float("-inf")).flatten().topk(least).indices
    return scores.flatten().index_fill(0, highest, float("inf")).view_as(scores)
