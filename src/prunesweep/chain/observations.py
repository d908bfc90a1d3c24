"""Observations measure a state and change nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, fields

import torch
from torch import Tensor, nn

from prunesweep.chain.context import Context
from prunesweep.chain.state import State
from prunesweep.chain.steps import Described, Record, classified, score
from prunesweep.pruning.cost import Cost, LayerCost, OtherLayer, cost
from prunesweep.training.loop import Score

MAX_CONFUSION = 100
"""The largest number of classes for which the confusion matrix is recorded."""


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

    The record contains the confusion matrix of the test split: a row for each true class, a column for each predicted
    class. With more than `MAX_CONFUSION` classes, it contains only the diagonal, and the number of examples of each
    class.

    Attributes:
        data: Fingerprint of the data.
    """

    data: str

    def observe(self, state: State, context: Context) -> Record:
        return self.figures(context.network(state), context)

    def figures(self, model: nn.Module, context: Context) -> Record:
        """Return the figures measured on `model`."""
        validation = score(model, context, "validation")
        test, predicted = classified(model, context, "test")
        scores = {"val": validation, "test": test}
        counts = confusion(context.data.test.labels, predicted, len(context.facts.classes))
        figures = {f"{split}_{key}": value for split, each in scores.items() for key, value in asdict(each).items()}
        return {
            **figures,
            "confusion": counts.tolist() if len(counts) <= MAX_CONFUSION else None,
            "class_correct": counts.diagonal().tolist(),
            "class_total": counts.sum(1).tolist(),
        }

    def fits(self, record: Record) -> bool:
        names = {f"{split}_{field.name}" for split in ("val", "test") for field in fields(Score)}
        if record.keys() != names | {"confusion", "class_correct", "class_total"}:
            return False
        rows, correct, total = record["confusion"], record["class_correct"], record["class_total"]
        counts = [correct, total, *(rows if isinstance(rows, list) else [])]
        return (
            all(isinstance(record[name], int | float) for name in names)
            and all(isinstance(row, list) and all(type(count) is int for count in row) for row in counts)
            and len({len(row) for row in counts}) == 1
            and (len(rows) == len(total) if isinstance(rows, list) else rows is None and len(total) > MAX_CONFUSION)
        )


def confusion(labels: Tensor, predicted: Tensor, classes: int) -> Tensor:
    """Return the confusion matrix `[classes, classes]`: the number of examples of each label and predicted class.

    Args:
        labels: The true class of each example, `[n]`.
        predicted: The predicted class of each example, `[n]`.
        classes: The number of classes.
    """
    counts = torch.bincount(labels.cpu() * classes + predicted.cpu(), minlength=classes**2)
    return counts.reshape(classes, classes)


@dataclass(frozen=True)
class Count(Observation):
    """Count the parameters and multiply-adds of a state.

    Attributes:
        layers: The parameters selected for pruning.
    """

    layers: tuple[str, ...]

    def observe(self, state: State, context: Context) -> Record:
        masks = {name: mask.cpu() for name, mask in state.masks.items()}
        spent = cost(context.template(), masks, self.layers, context.shape)
        return {
            **asdict(spent),
            "layers": [asdict(layer) for layer in spent.layers],
            "other_layers": [asdict(layer) for layer in spent.other_layers],
        }

    def fits(self, record: Record) -> bool:
        try:
            layers = tuple(LayerCost(**layer) for layer in record["layers"])
            others = tuple(OtherLayer(**layer) for layer in record["other_layers"])
            spent = Cost(**{**record, "layers": layers, "other_layers": others})
        except (KeyError, TypeError):  # missing or unknown fields
            return False
        lists = all(isinstance(record[key], list) for key in ("layers", "other_layers", "dead_layers"))
        names = lists and all(isinstance(name, str) for name in record["dead_layers"])
        return names and _has_types(spent) and all(map(_has_types, layers)) and all(map(_has_types, others))


def _has_types(figures: Cost | LayerCost | OtherLayer) -> bool:
    """Return whether the numbers and texts of `figures` have the declared types."""
    types = {"int": int, "float": int | float, "str": str}
    return all(
        isinstance(getattr(figures, field.name), types.get(str(field.type), object)) for field in fields(figures)
    )
