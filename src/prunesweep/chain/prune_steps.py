"""The steps that set masks: pruning, and training epochs during which sparsity rises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from torch import Tensor

from prunesweep.chain.context import Context
from prunesweep.chain.seeding import derived_seed, drawing_from, generator_of
from prunesweep.chain.state import State, masked
from prunesweep.chain.steps import IF_CHANGED, Record, Step
from prunesweep.chain.stretches import Stretch, StretchedEpoch, recalled
from prunesweep.data.datasets import Split
from prunesweep.pruning.allocation import Units
from prunesweep.pruning.criteria import find
from prunesweep.pruning.curves import CURVES
from prunesweep.pruning.masks import prune
from prunesweep.pruning.protection import protect
from prunesweep.pruning.scoring import NetworkView, Sample
from prunesweep.pruning.spec import PruneSpec
from prunesweep.training.straight_through import straight_through


class NoScore(ArithmeticError):
    """A criterion returned scores that cannot be ranked."""


@dataclass(frozen=True)
class Prune(Step):
    """Mask the lowest-scored weights of the parameters `layers` until the target of `spec` is reached.

    The optimizer starts again without momentum.

    Attributes:
        data: Fingerprint of the data.
        index: Number of the pruning within the run, from 0.
    """

    kind: ClassVar[str] = "prune"

    data: str
    spec: PruneSpec
    layers: tuple[str, ...]
    index: int
    seed: int

    @property
    def recalls(self) -> tuple[int, ...]:
        return recalled(self.spec)

    def apply(self, state: State, context: Context) -> tuple[State, Record]:
        after = replace(state, optimizer={}, dense={}, gates={})
        protected: Record = {}
        for single_pass in self.spec.passes():
            seed = derived_seed(self.seed, "prune", self.index)
            masks, protected = ranked(single_pass, self.layers, after, context, seed)
            after = masked(replace(after, masks={**after.masks, **masks}))
        return after, {"sparsity": after.sparsity, **protected}

    def summary(self) -> str:
        return str(self.spec)


def ranked(
    spec: PruneSpec, layers: tuple[str, ...], state: State, context: Context, seed: int
) -> tuple[dict[str, Tensor], Record]:
    """Return the masks of the parameters `layers` after one pass of `spec` on `state`, and the record of `lowest`."""
    names = list(Units.of(spec.structure, {name: state.weights[name].shape for name in layers}).counts)
    if spec.criterion == "none":
        return lowest(spec, layers, {name: state.weights[name].abs().cpu() for name in names}, state, context)
    return lowest(spec, layers, _scores(spec, names, state, context, seed), state, context)


def lowest(
    spec: PruneSpec, layers: tuple[str, ...], scores: Mapping[str, Tensor], state: State, context: Context
) -> tuple[dict[str, Tensor], Record]:
    """Mask the lowest `scores` among what the masks of `state` keep.

    Returns:
        The masks of the parameters `layers`, on the state's device, and a record: with protection, `protected` is the
        number of weights that are kept for a path in place of higher-ranked ones.
    """
    weights = {name: state.weights[name] for name in layers}
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    before = {name: state.masks[name].cpu() for name in layers if name in state.masks}
    masks = prune(spec, scores, {name: weights[name].abs().cpu() for name in scores}, shapes, before)
    record: Record = {}
    if spec.protect:
        chosen = protect(spec, context.wiring, scores, masks, before, shapes)
        record = {"protected": sum(int((mask & ~masks[name]).sum()) for name, mask in chosen.items())}
        masks = chosen
    return {name: mask.to(weights[name].device) for name, mask in masks.items()}, record


def _scores(spec: PruneSpec, names: list[str], state: State, context: Context, seed: int) -> dict[str, Tensor]:
    """Return parameter name -> scores, on the CPU and contiguous."""
    criterion = find(spec.criterion, spec.target)
    initial = context.recall(0).weights if recalled(spec) else {}
    scored = masked(replace(state, weights=initial)) if spec.scored == "init" else state
    view = NetworkView(
        context.network(scored),
        names,
        context.shape,
        _sample(spec, context, seed),
        generator_of(seed),
        initial,
        state.movement,
    )
    with drawing_from(seed, context.device):
        scores = {name: criterion.score(view.of(name)).detach().cpu().contiguous() for name in names}
    for name, score in scores.items():
        if score.shape != state.weights[name].shape or torch.isnan(score).any():
            raise NoScore(
                f"prune.criterion={spec.criterion}: the scores of {name} must be numbers of shape "
                f"{list(state.weights[name].shape)} (found {list(score.shape)}, {int(torch.isnan(score).sum())} NaN)."
            )
    return scores


def _sample(spec: PruneSpec, context: Context, seed: int) -> Sample | None:
    if spec.sample is None:
        return None
    batches, batch_size = spec.sample
    return Sample(lambda: draw(context.data.train, batches * batch_size, seed), batch_size)


def draw(train: Split, size: int, seed: int) -> Split:
    """Return `size` training examples drawn from `seed`, or all of them if there are fewer."""
    order = torch.randperm(len(train), generator=generator_of(derived_seed(seed, "batches", 0)))
    return train.take(order[:size].to(train.labels.device))


@dataclass(frozen=True)
class RampEpoch(StretchedEpoch):
    """A training epoch during which sparsity rises along a curve.

    The masks are set again every few optimizer steps. The last step of the last such epoch reaches the target.

    Attributes:
        regrow: Whether masked weights keep training, so that a later update can take them back (Guo, Yao, Chen,
            "Dynamic network surgery", 2016, eq. 2).
        curve: Name of the curve.
    """

    regrow: bool
    curve: str = field(default="cubic", kw_only=True, metadata=IF_CHANGED)

    def train_part(
        self, batches: tuple[Tensor, ...], state: State, context: Context, seed: int
    ) -> tuple[State, float, float]:
        if self.regrow:
            return train_all(self, batches, state, context, seed)
        return super().train_part(batches, state, context, seed)

    def set_masks(self, state: State, context: Context, stretch: Stretch) -> tuple[State, Record]:
        curve, progress = CURVES[self.curve], (self.number + stretch.end) / self.of
        spec = self.spec.at(self.spec.fractions.map(lambda final: curve(final, progress)))
        whole = replace(state, weights={**state.weights, **state.dense}, masks={} if self.regrow else state.masks)
        masks, record = ranked(spec, self.layers, whole, context, stretch.seed)
        return masked(replace(whole, masks={**state.masks, **masks})), record

    def summary(self) -> str:
        return f"{self.spec} (epoch {self.index + 1})"


def train_all(
    step: StretchedEpoch,
    batches: tuple[Tensor, ...],
    state: State,
    context: Context,
    seed: int,
) -> tuple[State, float, float]:
    """Train on a part of an epoch, the masked weights of its layers too. The state keeps their values as `dense`."""
    whole = replace(state, weights={**state.weights, **state.dense})
    after, loss, seconds = step.train_on(
        batches, whole, context, held={}, seed=seed, within=lambda model: straight_through(model, state.masks)
    )
    dense = {name: after.weights[name] for name in step.layers}
    return masked(replace(after, dense=dense)), loss, seconds
