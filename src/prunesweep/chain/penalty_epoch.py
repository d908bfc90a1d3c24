"""Training epochs with a penalty of the weights, until few weights hold all of the magnitude."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor, nn

from prunesweep.chain.context import Context
from prunesweep.chain.prune_steps import ranked
from prunesweep.chain.seeding import derived_seed
from prunesweep.chain.state import State, masked
from prunesweep.chain.steps import Record
from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.pruning.penalties import PENALTIES
from prunesweep.pruning.spec import PruneSpec
from prunesweep.training.loop import nothing
from prunesweep.training.shrink import shrink


@dataclass(frozen=True)
class PenaltyEpoch(TrainEpoch):
    """A training epoch in which the selected weights have a penalty, until the target of `spec` is met.

    The target is met when the weights that pruning to it removes hold at most `tolerance` of the sum of all selected
    |w|. They are pruned at the end of that epoch, and later epochs train without the penalty.

    Attributes:
        spec: The target.
        layers: The selected parameters.
        penalty: Name of the penalty.
        strength: Its factor in this epoch. 0: no penalty.
        tolerance: What the pruned weights may hold, in [0, 1].
    """

    spec: PruneSpec
    layers: tuple[str, ...]
    penalty: str
    strength: float
    tolerance: float

    def apply(self, state: State, context: Context) -> tuple[State, Record]:
        step = replace(self, strength=0.0) if state.masks else self
        after, loss, seconds = step.train(state, context)
        if step.strength:
            after = self._pruned_if_met(after, context)
        return after, {**self.report(after, context, loss, seconds), "strength": step.strength}

    def after_step(self, model: nn.Module) -> Callable[[], None]:
        if not self.strength:
            return nothing
        parameters, penalty = [model.get_parameter(name) for name in self.layers], PENALTIES[self.penalty].of
        return lambda: shrink(parameters, penalty, self.lr * self.strength)

    def _pruned_if_met(self, state: State, context: Context) -> State:
        masks, _ = ranked(self.spec, self.layers, state, context, derived_seed(self.seed, "penalty", self.index))
        if share_pruned(state, masks) > self.tolerance:
            return state
        return masked(replace(state, masks=masks, dense={}, gates={}))

    def summary(self) -> str:
        return f"epoch {self.index + 1}, {self.strength:.3g} {self.penalty}"


def share_pruned(state: State, masks: dict[str, Tensor]) -> float:
    """Return the sum of |w| that `masks` would prune as a fraction of that of all weights that have masks."""
    sizes = {name: state.weights[name].abs().double() for name in masks}
    total = sum(float(size.sum()) for size in sizes.values())
    pruned = sum(float(size[~masks[name]].sum()) for name, size in sizes.items())
    return pruned / total if total else 0.0
