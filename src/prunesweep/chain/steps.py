"""The steps of a run, as frozen dataclasses that know how to apply themselves.

A step is a pure function of the state before it: whatever it draws comes from a seed in its own fields, and whatever
its result depends on is in `describe()`, from which the run's digest is made.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from prunesweep.chain.context import Context
from prunesweep.chain.seeding import derived_seed, drawing_from, generator_of
from prunesweep.chain.state import State, Tensors, captured, contiguous, masked, restore
from prunesweep.models.settings import Model, Shape
from prunesweep.training.loop import evaluate, shuffled, train_batches
from prunesweep.training.settings import Optimizer

Record = dict[str, Any]


class Diverged(ArithmeticError):
    """The training loss is no longer a number."""


@dataclass(frozen=True)
class Step(ABC):
    """One link of a chain."""

    version: ClassVar[int] = 1  # raised when a change of the code changes the step's result

    @property
    def recalls(self) -> tuple[int, ...]:
        """Positions in the chain of the earlier states that the step takes from `setting.recall`."""
        return ()

    @abstractmethod
    def apply(self, state: State, context: Context) -> tuple[State, Record]:
        """The state after this step, and what there is to tell about it."""

    def describe(self) -> Record:
        """All that the step's result depends on, as plain values."""
        return {"step": type(self).__name__, "version": self.version, **asdict(self)}


@dataclass(frozen=True)
class Init(Step):
    """Builds the network for images of `shape`."""

    model: Model
    shape: Shape
    seed: int

    def apply(self, state: State, context: Context) -> tuple[State, Record]:  # noqa: ARG002
        with drawing_from(derived_seed(self.seed, "init", 0), context.device):
            model = context.build().to(context.device)
        return State(weights=contiguous(model.state_dict())), {}

    def describe(self) -> Record:
        return {**super().describe(), "source": self.model.source()}


@dataclass(frozen=True)
class TrainEpoch(Step):
    """One pass over the training split under the current masks; `index` counts the epochs of the run from 0."""

    version: ClassVar[int] = 2

    data: str
    optimizer: Optimizer
    lr: float
    batch_size: int
    index: int
    seed: int

    def apply(self, state: State, context: Context) -> tuple[State, Record]:
        seed, train = derived_seed(self.seed, "train", self.index), context.data.train
        batches = shuffled(train, self.batch_size, generator_of(seed))
        with drawing_from(seed, context.device):  # for networks that draw, by dropout say
            after, loss, seconds = self.trained(state, context, batches, held=state.masks)
        return after, self.told(after, context, loss / len(train), seconds)

    def trained(
        self,
        state: State,
        context: Context,
        batches: Iterable[Tensor],
        held: Tensors,
        meanwhile: Callable[[nn.Module], AbstractContextManager[None]] = lambda _: nullcontext(),
    ) -> tuple[State, float, float]:
        """Train on `batches` with the masks `held`: the state after it, the summed loss, the seconds that it took."""
        model = context.network(state)
        optimizer = self.optimizer.build(model.parameters(), self.lr)
        restore(optimizer, model, state.optimizer)
        started = time.perf_counter()
        with meanwhile(model):
            loss = train_batches(model, context.data.train, optimizer, held, batches)
        seconds = time.perf_counter() - started
        return State(contiguous(model.state_dict()), state.masks, captured(optimizer, model)), loss, seconds

    def told(self, after: State, context: Context, loss: float, seconds: float) -> Record:
        """The record of an epoch that led to the state `after` at the mean training loss `loss`.

        Raises:
            Diverged: the loss is no longer a number.
        """
        if not math.isfinite(loss):
            raise Diverged(
                f"training diverged: the loss of epoch {self.index + 1} is {loss} at a learning rate of {self.lr:g}. "
                "Lower optimizer.lr."
            )
        validation = evaluate(context.network(after), context.data.validation)
        return {
            "epoch": self.index + 1,
            "sparsity": after.sparsity,
            "lr": self.lr,
            "train_loss": loss,
            "val_loss": validation.loss,
            "val_accuracy": validation.accuracy,
            "seconds": seconds,
        }

    def describe(self) -> Record:
        described = super().describe()
        del described["optimizer"]["lr"]  # where the phase starts from; this epoch's own rate is what counts
        return described


@dataclass(frozen=True)
class Rewind(Step):
    """Sets the weights back to those after the step at position `to` of the chain, and the optimizer to its start.

    The masks stay, unless `masks` sets them back too.
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
    """Draws all weights anew, number `index` of the run, and keeps the masks: the control of a lottery ticket."""

    index: int
    seed: int

    def apply(self, state: State, context: Context) -> tuple[State, Record]:
        with drawing_from(derived_seed(self.seed, "reinitialize", self.index), context.device):
            model = context.build().to(context.device)
        return masked(State(contiguous(model.state_dict()), state.masks)), {}
