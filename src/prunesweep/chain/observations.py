"""Observations measure a state and change nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, fields

from prunesweep.chain.context import Context
from prunesweep.chain.state import State
from prunesweep.chain.steps import Described, Record, score
from prunesweep.pruning.cost import Cost, LayerCost, cost
from prunesweep.training.loop import Score


@dataclass(frozen=True)
class Observation(Described, ABC):
    """A measurement of a state."""

    @abstractmethod
    def observe(self, state: State, context: Context) -> Record:
        """Return the figures measured on `state`."""

    @abstractmethod
    def fits(self, record: Record) -> bool:
        """Return whether `record`, read from a store, has the fields and types of the figures."""


@dataclass(frozen=True)
class Evaluate(Observation):
    """Score a state on the validation and the test split. Raises `Diverged` if a loss is not finite.

    Attributes:
        data: Fingerprint of the data.
    """

    data: str

    def observe(self, state: State, context: Context) -> Record:
        model = context.network(state)
        scores = {"val": score(model, context, "validation"), "test": score(model, context, "test")}
        return {f"{split}_{key}": value for split, each in scores.items() for key, value in asdict(each).items()}

    def fits(self, record: Record) -> bool:
        names = {f"{split}_{field.name}" for split in ("val", "test") for field in fields(Score)}
        return record.keys() == names and all(isinstance(value, int | float) for value in record.values())


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

    def fits(self, record: Record) -> bool:
        try:
            layers = tuple(LayerCost(**layer) for layer in record["layers"])
            spent = Cost(**{**record, "layers": layers})
        except (KeyError, TypeError):  # missing or unknown fields
            return False
        lists = isinstance(record["layers"], list) and isinstance(record["dead_layers"], list)
        names = lists and all(isinstance(name, str) for name in record["dead_layers"])
        return names and _has_types(spent) and all(map(_has_types, layers))


def _has_types(figures: Cost | LayerCost) -> bool:
    """Return whether the numbers and texts of `figures` have the declared types."""
    types = {"int": int, "float": int | float, "str": str}
    return all(
        isinstance(getattr(figures, field.name), types.get(str(field.type), object)) for field in fields(figures)
    )
