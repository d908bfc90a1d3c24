"""The step that removes parameters without an effect."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from prunesweep.chain.context import Context
from prunesweep.chain.seeding import evaluating
from prunesweep.chain.state import State, contiguous, masked
from prunesweep.chain.steps import Record, Step
from prunesweep.pruning.cleanup import clean_up
from prunesweep.pruning.selection import maskable


@dataclass(frozen=True)
class CleanUp(Step):
    """Remove all parameters of prunable layers that have no effect, including those not selected for pruning.

    The function of the network stays the same up to rounding. Afterwards, all weights and biases of prunable layers
    have masks, and exactly the values that are not zero are kept.
    """

    kind: ClassVar[str] = "prune"

    def apply(self, state: State, context: Context) -> tuple[State, Record]:
        model = context.network(state).cpu()
        with evaluating(context.device):
            changed = clean_up(model, context.shape)
        moved = {name: value.to(state.weights[name].device) for name, value in changed.items()}
        weights = {**state.weights, **contiguous(moved)}
        masks = {name: weights[name] != 0 for name in maskable(model)}
        after = masked(replace(state, weights=weights, masks={**state.masks, **masks}))
        return after, {"sparsity": after.sparsity}

    def summary(self) -> str:
        return "clean-up"
