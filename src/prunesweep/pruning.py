"""Scores, scope, structure and target -> masks, ranked by `torch.nn.utils.prune`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from prunesweep import allocation, structure
from prunesweep.allocation import Quota, Tensors, layer_of
from prunesweep.criteria import CRITERIA, ON_DATA
from prunesweep.errors import UsageError, check_choice, check_range
from prunesweep.imports import source_of

if TYPE_CHECKING:
    from torch import Tensor

DEFAULT_AMOUNT = 0.2


@dataclass
class Pruning:
    """What is pruned, by what measure, and how far.

    Attributes:
        criterion: the importance of a weight; the least important go first. `none` prunes nothing: the dense control.
        scope: how the pruned weights fall to the layers: `global` ranks all together, `layerwise` takes the same
            fraction of each, `erk` spares small and thin ones, `magnitude` takes from each what global |w| would.
        structure: `unstructured` (single weights), `channel` (output channels and neurons, with their biases), or
            `n_of_m` (of every `m` neighbouring inputs `n` are kept).
        amount: fraction of the selected weights that is pruned in the end, in [0, 1], under `channel` of the selected
            channels; 0.2 where neither this nor `compression` is given.
        compression: the other way to say it: parameters of the whole model, weights and biases, before : after.
        per_layer: layer -> fraction, for layers that are not to follow `amount`.
        floor: what each layer keeps at least: below 1 a fraction, from 1 on a number of weights or channels.
        n: how many of every `m` are kept.
        m: how many inputs make a group.
        iterations: in how many rounds of scoring and pruning, the kept fraction falling geometrically, the amount is
            reached.
        batches: how many training batches the gradients are taken on, drawn once a pruning.
        batch_size: their size.
        target: the import path of a criterion of the user's own.
    """

    criterion: str = "l1"
    scope: str = "global"
    structure: str = "unstructured"
    amount: float | None = None
    compression: float | None = None
    per_layer: dict[str, float] = field(default_factory=dict)
    floor: float = 0.0
    n: int = 2
    m: int = 4
    iterations: int = 1
    batches: int = 10
    batch_size: int = 128
    target: str | None = None

    def __post_init__(self) -> None:
        check_choice("prune.criterion", self.criterion, [*CRITERIA, "none", "custom"])
        check_choice("prune.scope", self.scope, allocation.SCOPES)
        check_choice("prune.structure", self.structure, structure.STRUCTURES)
        if self.amount is not None:
            check_range("prune.amount", self.amount, 0, 1)
        if self.compression is not None:
            check_range("prune.compression", self.compression, 1)
        for layer, fraction in self.per_layer.items():
            check_range(f"prune.per_layer.{layer}", fraction, 0, 1)
        check_range("prune.floor", self.floor, 0)
        check_range("prune.n", self.n, 1)
        check_range("prune.m", self.m, self.n)
        for key in ("iterations", "batches", "batch_size"):
            check_range(f"prune.{key}", getattr(self, key), 1)
        self._check_targets()

    def _check_targets(self) -> None:
        if self.amount is not None and self.compression is not None:
            raise UsageError(
                f"prune.amount={self.amount:g} prune.compression={self.compression:g}: two ways to say the target, "
                "exactly one may be given. The other must be null."
            )
        own = 1 - self.n / self.m
        said = {"amount": self.amount, "compression": self.compression, "per_layer": self.per_layer or None}
        given = [f"prune.{key}={value}" for key, value in said.items() if value not in (None, own)]
        if self.structure == "n_of_m" and given:
            raise UsageError(
                f"{given[0]}: prune.structure=n_of_m takes its amount, {own:g}, from prune.n={self.n} and "
                f"prune.m={self.m}."
            )
        if self.structure == "n_of_m" and (self.scope != "global" or self.floor):
            raise UsageError(
                "prune.structure=n_of_m: prunes every group alike, so prune.scope and prune.floor must go."
            )
        if self.structure == "channel" and self.compression is not None:
            raise UsageError(
                f"prune.compression={self.compression:g}: what a channel takes along depends on which one goes. "
                "With prune.structure=channel give prune.amount, the fraction of channels."
            )
        if (self.criterion == "custom") != bool(self.target):
            raise UsageError(
                f"prune.target={self.target}: prune=custom needs the import path of a criterion, "
                "prune.target=my_package.score, and no other criterion takes one."
            )

    def source(self) -> str:
        """The source text of the user's own criterion: part of what its results depend on."""
        return source_of("prune.target", self.target) if self.target else ""

    def fraction(self) -> float:
        """`amount`, once `resolved` has settled it."""
        assert self.amount is not None
        return self.amount

    def at(self, part: Callable[[float], float]) -> Pruning:
        """The same up to `part` of each fraction: `amount` and those of `per_layer`."""
        own = {layer: part(fraction) for layer, fraction in self.per_layer.items()}
        return replace(self, amount=part(self.fraction()), per_layer=own)

    def tensors(self, shapes: Mapping[str, Sequence[int]]) -> Tensors:
        """The selected parameters and their units."""
        sizes = structure.units(self.structure, shapes)
        return Tensors({name: shapes[name] for name in sizes}, sizes)

    def quotas(self, shapes: Mapping[str, Sequence[int]]) -> tuple[Quota, ...]:
        """How many units go, and from where."""
        return allocation.quotas(self.tensors(shapes), self.scope, self.fraction(), self.per_layer)

    def requested(self, shapes: Mapping[str, Sequence[int]]) -> float:
        """The fraction of all selected units that is asked for."""
        if not self.per_layer:
            return self.fraction()
        return sum(quota.count for quota in self.quotas(shapes)) / sum(self.tensors(shapes).units.values())


def resolved(pruning: Pruning, shapes: Mapping[str, Sequence[int]], params_total: int) -> Pruning:
    """The same pruning with its target as an `amount`, once it has been checked against the selected parameters.

    What has no bearing on the masks is at its default then: equal prunings are equal, however they were asked for.

    Raises:
        UsageError: the target cannot be reached; says what can.
    """
    if pruning.criterion == "none":
        return Pruning("none", structure="channel" if pruning.structure == "channel" else "unstructured", amount=0.0)
    if pruning.criterion not in ON_DATA:
        pruning = replace(pruning, batches=Pruning.batches, batch_size=Pruning.batch_size)
    if pruning.structure != "n_of_m":
        pruning = replace(pruning, n=Pruning.n, m=Pruning.m)
    if pruning.structure == "n_of_m":
        structure.check_divides(shapes, pruning.m)
        return replace(pruning, amount=1 - pruning.n / pruning.m)
    allocation.check_layers(pruning.per_layer, list(shapes))
    amount = DEFAULT_AMOUNT if pruning.amount is None else pruning.amount
    if pruning.compression is not None:
        amount = _amount_of(pruning.compression, pruning, shapes, params_total)
    settled = replace(pruning, amount=amount, compression=None)
    allocation.check_reachable(settled.tensors(shapes), settled.quotas(shapes), pruning.floor, pruning.structure)
    return settled


def _amount_of(compression: float, pruning: Pruning, shapes: Mapping[str, Sequence[int]], params_total: int) -> float:
    """The fraction of what `per_layer` leaves open that has to go for the whole model to shrink by `compression`."""
    sizes = pruning.tensors(shapes).units
    own = {name: pruning.per_layer.get(layer_of(name)) for name in sizes}
    fixed = sum(round(fraction * sizes[name]) for name, fraction in own.items() if fraction is not None)
    free = sum(sizes[name] for name, fraction in own.items() if fraction is None)
    count = round(params_total - params_total / compression) - fixed
    if not 0 <= count <= free:
        least, most = (params_total / max(params_total - fixed - part, 1) for part in (0, free))
        raise UsageError(
            f"prune.compression={compression:g}: with {sum(sizes.values()):,} of {params_total:,} parameters selected "
            f"from {least:.4g} to {most:.4g} can be reached."
        )
    return count / free if free else 0.0


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
    asked = pruning.quotas(shapes)
    if pruning.scope == "magnitude":
        by_magnitude = lowest(of_units(magnitudes), asked, alive, least)
        asked = tuple(Quota((name,), int((~mask).sum())) for name, mask in by_magnitude.items())
    return structure.spread(kind, lowest(of_units(scores), asked, alive, least), shapes)


def _below_all(score: Tensor, mask: Tensor | None) -> Tensor:
    """`score` with what `mask` has pruned ranked last."""
    return score if mask is None else score.masked_fill(~mask, float("-inf"))


def lowest(
    scores: Mapping[str, Tensor], quotas: Sequence[Quota], alive: Mapping[str, Tensor], least: Mapping[str, int]
) -> dict[str, Tensor]:
    """Boolean masks without the lowest `scores` of each quota; `least` of each tensor's highest are never taken."""
    from torch import nn
    from torch.nn.utils import prune as torch_prune

    from prunesweep.ranking import LowestScores

    holders = {name: nn.Module() for name in scores}  # torch prunes parameters of modules, and units are no weights
    for name, holder in holders.items():
        holder.register_parameter("units", nn.Parameter(scores[name], requires_grad=False))
        torch_prune.custom_from_mask(holder, "units", alive.get(name, scores[name].new_ones(scores[name].shape)))
    masks = {name: holder.get_buffer("units_mask") for name, holder in holders.items()}
    for quota in quotas:
        gone = sum(int((masks[name] == 0).sum()) for name in quota.names)
        torch_prune.global_unstructured(
            [(holders[name], "units") for name in quota.names],
            LowestScores,
            importance_scores={
                (holders[name], "units"): _guarded(scores[name], masks[name] == 0, least[name]) for name in quota.names
            },
            amount=max(quota.count - gone, 0),
        )
    return {name: holder.get_buffer("units_mask").bool() for name, holder in holders.items()}


def _guarded(scores: Tensor, gone: Tensor, least: int) -> Tensor:
    """`scores` with the `least` highest of those that are not `gone` out of reach."""
    if not least:
        return scores
    highest = scores.masked_fill(gone, float("-inf")).flatten().topk(least).indices
    return scores.flatten().index_fill(0, highest, float("inf")).view_as(scores)
