"""The step that rewinds the weights to a point within an epoch."""

from __future__ import annotations

from dataclasses import dataclass

from prunesweep.chain.context import Context
from prunesweep.chain.state import State, masked
from prunesweep.chain.steps import Record, Step
from prunesweep.chain.train_epoch import TrainEpoch


@dataclass(frozen=True)
class RewindWithin(Step):
    """Reset the weights to those after the first optimizer steps of an earlier epoch. The masks stay.

    No state is stored within an epoch, so these steps are taken again from the state before it, with the same bits.
    Source: Frankle, Dziugaite, Roy, Carbin, "Linear mode connectivity and the lottery ticket hypothesis" (2020),
    section 4, who rewind to an iteration.

    Attributes:
        to: Position of the step before the epoch.
        epoch: The epoch, up to the optimizer step to rewind to.
    """

    to: int
    epoch: TrainEpoch

    @property
    def recalls(self) -> tuple[int, ...]:
        return (self.to, *self.epoch.recalls)

    def apply(self, state: State, context: Context) -> tuple[State, Record]:
        earlier, _, _ = self.epoch.train(context.recall(self.to), context)
        return masked(State(earlier.weights, state.masks)), {}

    def summary(self) -> str:
        return "rewind"
