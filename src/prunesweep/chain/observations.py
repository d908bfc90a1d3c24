"""The steps of a run, as frozen dataclasses that know how to apply themselves.

A step is a pure function of the state before it: whatever it draws comes from a seed in its own fields, and whatever
its result depends on is in `describe()`, from which the run's digest is made.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import ClassVar

from prunesweep.chain.context import Context
from prunesweep.chain.state import State
from prunesweep.chain.steps import Record, Step
from prunesweep.pruning.cost import cost
from prunesweep.training.loop import Score, evaluate


@dataclass(frozen=True)
class Evaluate(Step):
    """Scores a state on the validation and the test split. It changes nothing, so no other step follows it."""

    version: ClassVar[int] = 2

    data: str

    def apply(self, state: State, context: Context) -> tuple[State, Record]:
        model = context.network(state)
        scores: dict[str, Score] = {
            "val": evaluate(model, context.data.validation),
            "test": evaluate(model, context.data.test),
        }
        return State(), {
            f"{split}_{key}": value for split, score in scores.items() for key, value in asdict(score).items()
        }


@dataclass(frozen=True)
class Count(Step):
    """Counts what a state costs, and what of it still matters. As `Evaluate`, it changes nothing."""

    layers: tuple[str, ...]

    def apply(self, state: State, context: Context) -> tuple[State, Record]:
        masks = {name: mask.cpu() for name, mask in state.masks.items()}
        spent = cost(context.fresh(), masks, self.layers, context.dataset.shape)
        return State(), {**asdict(spent), "layers": [asdict(layer) for layer in spent.layers]}
