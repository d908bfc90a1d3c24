"""Scores, scope and target -> masks, through `torch.nn.utils.prune`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunesweep import criteria
from prunesweep.errors import UsageError, check_choice, check_range
from prunesweep.imports import source_of

if TYPE_CHECKING:
    from torch import Tensor, nn

SCOPES = ("global", "layerwise")


@dataclass
class Pruning:
    """What is pruned and by what measure.

    `amount` is the fraction of the *selected* weights that is pruned in the end, in [0, 1]. Under `global` scope they
    are ranked together, under `layerwise` each tensor loses the same fraction.
    """

    criterion: str = "l1"
    scope: str = "global"
    amount: float = 0.2
    target: str | None = None

    def __post_init__(self) -> None:
        check_choice("prune.criterion", self.criterion, [*criteria.CRITERIA, "custom"])
        check_choice("prune.scope", self.scope, SCOPES)
        check_range("prune.amount", self.amount, 0, 1)
        if (self.criterion == "custom") != bool(self.target):
            raise UsageError(
                f"prune.target={self.target}: prune=custom needs the import path of a criterion, "
                "prune.target=my_package.score, and no other criterion takes one."
            )

    def source(self) -> str:
        """The source text of the user's own criterion: part of what its results depend on."""
        return source_of("prune.target", self.target) if self.target else ""


def prune(model: nn.Module, scores: Mapping[str, Tensor], scope: str, amount: float) -> dict[str, Tensor]:
    """Mask the lowest `scores` until the fraction `amount` of the scored weights is pruned; return all masks.

    A pruned weight stays pruned: `model` may carry masks from before, and only what they left is ranked. The count is
    exact: `round(amount * n)` over the network under `global` scope, in each tensor under `layerwise`. Of equal scores
    the ones that `torch.topk` finds first go, as in torch's own L1Unstructured.

    Args:
        model: changed in place: the scored parameters are reparametrised by `torch.nn.utils.prune`.
        scores: parameter name (`conv1.weight`) -> importance of the parameter's shape.
        scope: `global` or `layerwise`.
        amount: fraction in [0, 1], of all scored weights, those that are pruned already among them.

    Returns:
        parameter name -> mask of the parameter's shape, one where it is kept and zero where it is pruned.
    """
    from torch.nn.utils import prune as torch_prune

    from prunesweep.ranking import LowestScores

    places = {name: _place(model, name) for name in scores}
    groups: Sequence[Sequence[str]] = [list(scores)] if scope == "global" else [[name] for name in scores]
    for group in groups:
        total = sum(scores[name].numel() for name in group)
        pruned = sum(int((buffer == 0).sum()) for name in group if (buffer := _mask(model, name)) is not None)
        count = round(amount * total) - pruned
        if count < 0:
            raise ValueError(f"{pruned} of {total} weights are pruned already, more than the fraction {amount}")
        torch_prune.global_unstructured(
            [places[name] for name in group],
            LowestScores,
            importance_scores={places[name]: scores[name] for name in group},
            amount=count,
        )
    return {name: getattr(module, f"{role}_mask").detach().clone() for name, (module, role) in places.items()}


def _place(model: nn.Module, parameter: str) -> tuple[nn.Module, str]:
    layer, _, role = parameter.rpartition(".")
    return model.get_submodule(layer), role


def _mask(model: nn.Module, parameter: str) -> Tensor | None:
    module, role = _place(model, parameter)
    mask: Tensor | None = getattr(module, f"{role}_mask", None)
    return mask
