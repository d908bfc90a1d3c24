"""The network from which later epochs of the same run learn."""

from __future__ import annotations

from dataclasses import dataclass

from prunesweep.chain.context import Context
from prunesweep.training.objectives import Objective, distilled


@dataclass(frozen=True)
class Teacher:
    """An earlier network of the run, whose outputs an epoch learns beside the labels.

    Attributes:
        at: Position of the step after which the network is taken.
        weight: Weight of its outputs, in (0, 1].
        temperature: By which logits are divided.
    """

    at: int
    weight: float
    temperature: float

    def objective(self, context: Context) -> Objective:
        """Return the objective of an epoch."""
        network = context.network(context.recall(self.at)).requires_grad_(requires_grad=False)
        return distilled(network, self.weight, self.temperature)
