"""The steps of a chain that build, train and reset the network.

A step is a pure function of the state before it. Random numbers come from seeds in its own fields, and `describe`
returns everything its result depends on, including the code that computes it. Digests derive from these descriptions.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, fields, is_dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from prunesweep.chain.context import Context
from prunesweep.chain.seeding import evaluating
from prunesweep.chain.state import State, contiguous, masked, tensor_hash
from prunesweep.code.hashing import code_hash
from prunesweep.data.layout import CHANNELS_LAST
from prunesweep.errors import UsageError
from prunesweep.models.settings import Model, Shape
from prunesweep.models.tensors import own_tensors
from prunesweep.training.loop import Score, classify

Record = dict[str, Any]
"""The figures that a step or an observation reports, as plain JSON values."""

NOT_IN_DIGEST: Mapping[str, bool] = {"in_digest": False}
"""Metadata of a field that does not affect the result of its step."""

IF_CHANGED: Mapping[str, bool] = {"if_changed": True}
"""Metadata of a field that the digest leaves out at its default, so that a new field keeps the digests of all steps."""


class Diverged(ArithmeticError):
    """A loss, a weight or a buffer is not a finite number."""


def finite(score: Score, split: str) -> Score:
    """Return `score`, the score of a network on a split.

    Raises:
        Diverged: The loss is not a finite number, which files cannot represent.
    """
    if not math.isfinite(score.loss):
        raise Diverged(
            f"the loss on the {split} split is {score.loss}: the outputs of the network are too large, or not numbers. "
            "If it was trained, lower optimizer.lr."
        )
    return score


def score(model: nn.Module, context: Context, split: str) -> Score:
    """Return the score of `model` on a split, with the errors of `classified`."""
    return classified(model, context, split)[0]


def classified(model: nn.Module, context: Context, split: str) -> tuple[Score, Tensor]:
    """Return the score of `model` on a split, and the predicted classes `[n]`.

    Raises:
        Diverged: The loss is not a finite number.
    """
    with evaluating(context.device):
        found, predicted = classify(model, getattr(context.data, split))
    return finite(found, split), predicted


@dataclass(frozen=True)
class Described:
    """A value with a description of everything that its result depends on."""

    def describe(self) -> Record:
        """Return the fields, the kind, and a hash of the code of this class and of all modules that it imports."""
        values = {each.name: _plain(getattr(self, each.name)) for each in fields(self) if self._is_in_digest(each)}
        return {"step": type(self).__name__, "code": code_hash(type(self).__module__), **values}

    def _is_in_digest(self, each: Field[Any]) -> bool:
        if each.metadata.get("if_changed"):
            default = each.default if each.default_factory is MISSING else each.default_factory()
            return bool(getattr(self, each.name) != default)
        return bool(each.metadata.get("in_digest", True))


def _plain(value: Any) -> Any:
    describe = getattr(value, "describe", None)
    if describe is not None:
        return describe()
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


@dataclass(frozen=True)
class Step(Described, ABC):
    """One step of a chain.

    Attributes:
        kind: `init`, `train`, `prune` or `other`; how the store lists the step.
    """

    kind: ClassVar[str] = "other"

    @property
    def recalls(self) -> tuple[int, ...]:
        """Positions of the earlier steps whose states the step uses through `context.recall`."""
        return ()

    @abstractmethod
    def apply(self, state: State, context: Context) -> tuple[State, Record]:
        """Return the state after this step, and its record."""

    def summary(self) -> str:
        """Return a few words for people."""
        return type(self).__name__.lower()


@dataclass(frozen=True)
class Init(Step):
    """Build and initialize the network, or load the weights that the user gives.

    Attributes:
        weights: Hash of the weights. When the file of given weights changes, the hash and therefore the digest change.
        user_code: Hash of the code of the user's own network.
        layout: The memory layout in which the network runs.
    """

    kind: ClassVar[str] = "init"

    model: Model
    shape: Shape
    seed: int
    weights: str
    user_code: str | None = None
    layout: str = CHANNELS_LAST

    def apply(self, state: State, context: Context) -> tuple[State, Record]:  # noqa: ARG002
        weights = contiguous(own_tensors(context.start(self.seed).to(context.device)))
        if tensor_hash(weights) != self.weights:
            raise UsageError(
                f"model={self.model.name}: two builds with the same seed gave different weights, so its runs cannot be "
                "repeated. Draw initial weights from torch's global random state only."
            )
        return State(weights), {}

    def describe(self) -> Record:
        described = super().describe()
        del described["model"]["weights"]  # where the file is
        return described

    def summary(self) -> str:
        return f"{self.model.name}, {'given weights' if self.model.weights else f'seed {self.seed}'}"


@dataclass(frozen=True)
class Rewind(Step):
    """Reset the weights to those after the step at position `to`, and the optimizer to its start.

    The masks stay, unless `masks` resets them too.
    Source: Frankle, Dziugaite, Roy, Carbin, "Stabilizing the lottery ticket hypothesis" (2019), section 3.
    """

    to: int
    masks: bool = False

    @property
    def recalls(self) -> tuple[int, ...]:
        return (self.to,)

    def apply(self, state: State, context: Context) -> tuple[State, Record]:
        earlier = context.recall(self.to)
        return masked(State(earlier.weights, earlier.masks if self.masks else state.masks)), {}


@dataclass(frozen=True)
class Reinitialize(Step):
    """Draw all weights again and keep the masks: the control of a lottery ticket.

    Attributes:
        index: Number of the reinitialization within the run, from 0.
    """

    index: int
    seed: int

    def apply(self, state: State, context: Context) -> tuple[State, Record]:
        model = context.initial(self.seed, "reinitialize", self.index).to(context.device)
        return masked(State(contiguous(own_tensors(model)), state.masks)), {}
