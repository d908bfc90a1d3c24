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
from typing import TYPE_CHECKING, Any, ClassVar

from prunesweep.measures import cost
from prunesweep.models import Model, Shape
from prunesweep.state import (
    Setting,
    State,
    Tensors,
    captured,
    contiguous,
    derived_seed,
    drawing_from,
    generator_of,
    masked,
    restore,
)
from prunesweep.training import Optimizer, Score, evaluate, shuffled, train_batches

if TYPE_CHECKING:
    from torch import Tensor, nn

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
    def apply(self, state: State, setting: Setting) -> tuple[State, Record]:
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

    def apply(self, state: State, setting: Setting) -> tuple[State, Record]:  # noqa: ARG002
        with drawing_from(derived_seed(self.seed, "init", 0), setting.device):
            model = setting.build().to(setting.device)
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

    def apply(self, state: State, setting: Setting) -> tuple[State, Record]:
        seed, train = derived_seed(self.seed, "train", self.index), setting.data.train
        batches = shuffled(train, self.batch_size, generator_of(seed))
        with drawing_from(seed, setting.device):  # for networks that draw, by dropout say
            after, loss, seconds = self.trained(state, setting, batches, held=state.masks)
        return after, self.told(after, setting, loss / len(train), seconds)

    def trained(
        self,
        state: State,
        setting: Setting,
        batches: Iterable[Tensor],
        held: Tensors,
        meanwhile: Callable[[nn.Module], AbstractContextManager[None]] = lambda _: nullcontext(),
    ) -> tuple[State, float, float]:
        """Train on `batches` with the masks `held`: the state after it, the summed loss, the seconds that it took."""
        model = setting.network(state)
        optimizer = self.optimizer.build(model.parameters(), self.lr)
        restore(optimizer, model, state.optimizer)
        started = time.perf_counter()
        with meanwhile(model):
            loss = train_batches(model, setting.data.train, optimizer, held, batches)
        seconds = time.perf_counter() - started
        return State(contiguous(model.state_dict()), state.masks, captured(optimizer, model)), loss, seconds

    def told(self, after: State, setting: Setting, loss: float, seconds: float) -> Record:
        """The record of an epoch that led to the state `after` at the mean training loss `loss`.

        Raises:
            Diverged: the loss is no longer a number.
        """
        if not math.isfinite(loss):
            raise Diverged(
                f"training diverged: the loss of epoch {self.index + 1} is {loss} at a learning rate of {self.lr:g}. "
                "Lower optimizer.lr."
            )
        validation = evaluate(setting.network(after), setting.data.validation)
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

    def apply(self, state: State, setting: Setting) -> tuple[State, Record]:
        earlier = setting.recall(self.to)
        return masked(State(earlier.weights, earlier.masks if self.masks else state.masks)), {}


@dataclass(frozen=True)
class Reinitialize(Step):
    """Draws all weights anew, number `index` of the run, and keeps the masks: the control of a lottery ticket."""

    index: int
    seed: int

    def apply(self, state: State, setting: Setting) -> tuple[State, Record]:
        with drawing_from(derived_seed(self.seed, "reinitialize", self.index), setting.device):
            model = setting.build().to(setting.device)
        return masked(State(contiguous(model.state_dict()), state.masks)), {}


@dataclass(frozen=True)
class Evaluate(Step):
    """Scores a state on the validation and the test split. It changes nothing, so no other step follows it."""

    version: ClassVar[int] = 2

    data: str

    def apply(self, state: State, setting: Setting) -> tuple[State, Record]:
        model = setting.network(state)
        scores: dict[str, Score] = {
            "val": evaluate(model, setting.data.validation),
            "test": evaluate(model, setting.data.test),
        }
        return State(), {
            f"{split}_{key}": value for split, score in scores.items() for key, value in asdict(score).items()
        }


@dataclass(frozen=True)
class Count(Step):
    """Counts what a state costs, and what of it still matters. As `Evaluate`, it changes nothing."""

    layers: tuple[str, ...]

    def apply(self, state: State, setting: Setting) -> tuple[State, Record]:
        masks = {name: mask.cpu() for name, mask in state.masks.items()}
        spent = cost(setting.fresh(), masks, self.layers, setting.dataset.shape)
        return State(), {**asdict(spent), "layers": [asdict(layer) for layer in spent.layers]}
