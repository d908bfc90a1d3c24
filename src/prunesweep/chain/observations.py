"""Observations measure a state and change nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass

from prunesweep.chain.context import Context
from prunesweep.chain.state import State
from prunesweep.chain.steps import Described, Record, finite
from prunesweep.pruning.cost import cost
from prunesweep.training.loop import evaluate


@dataclass(frozen=True)
class Observation(Described, ABC):
    """A measurement of a state."""

    @abstractmethod
    def observe(self, state: State, context: Context) -> Record:
        """Return the figures measured on `state`."""


@dataclass(frozen=True)
class Evaluate(Observation):
    """Score a state on the validation and the test split. Raises `Diverged` if a loss is not finite.

    Attributes:
        data: Fingerprint of the data.
    """

    data: str

    def observe(self, state: State, context: Context) -> Record:
        model = context.network(state)
        validation = finite(evaluate(model, context.data.validation), "validation")
        scores = {"val": validation, "test": finite(evaluate(model, context.data.test), "test")}
        return {f"{split}_{key}": value for split, score in scores.items() for key, value in asdict(score).items()}


@dataclass(frozen=True)
class Count(Observation):
    """Count the parameters and multiply-adds of a state.

    Attributes:
        layers: The parameters selected for pruning.
    """

    layers: tuple[str, ...]

    def observe(self, state: State, context: Context) -> Record:
        masks = {name: mask.cpu() for name, mask in state.masks.items()}
        spent = cost(context.template(), masks, self.layers, context.dataset.shape)
        return {**asdict(spent), "layers": [asdict(layer) for layer in spent.layers]}
