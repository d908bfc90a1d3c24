"""The steps of a chain that build, train and reset the network.

A step is a pure function of the state before it. Random numbers come from seeds in its own fields, and `describe`
returns everything its result depends on, including the code that computes it. Digests derive from these descriptions.
"""

from __future__ import annotations

import itertools
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn, optim

from prunesweep.chain.context import Context
from prunesweep.chain.seeding import derived_seed, drawing_from, evaluating, generator_of
from prunesweep.chain.state import State, Tensors, captured, contiguous, masked, restore, tensor_hash
from prunesweep.chain.teacher import Teacher
from prunesweep.code.hashing import code_hash
from prunesweep.data.layout import CHANNELS_LAST
from prunesweep.errors import UsageError
from prunesweep.models.settings import Model, Shape
from prunesweep.models.tensors import own_tensors
from prunesweep.pruning.without_channels import without_channels
from prunesweep.training import optimizers
from prunesweep.training.augment import augmented
from prunesweep.training.loop import Score, classify, nothing, shuffled, train_batches, unchanged
from prunesweep.training.movement import summing
from prunesweep.training.objectives import Objective, supervised
from prunesweep.training.settings import Augment, Optimizer

if TYPE_CHECKING:
    from prunesweep.results.history import PhaseName

Record = dict[str, Any]
"""The figures that a step or an observation reports, as plain JSON values."""

NOT_IN_DIGEST: Mapping[str, bool] = {"in_digest": False}
"""Metadata of a field that does not affect the result of its step."""

IF_CHANGED: Mapping[str, bool] = {"if_changed": True}
"""Metadata of a field that the digest leaves out at its default, so that a new field keeps the digests of all steps."""


Within = Callable[[nn.Module], AbstractContextManager[None]]
"""Returns a context of a network in which training takes place."""


def unwrapped(model: nn.Module) -> AbstractContextManager[None]:  # noqa: ARG001
    """Train the network as it is."""
    return nullcontext()


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
class TrainEpoch(Step):
    """One pass over the training split under the current masks.

    Attributes:
        data: Fingerprint of the data.
        lr: Learning rate of this epoch, at its end.
        index: Number of the epoch within the run, from 0.
        phase: The part of the experiment that the epoch belongs to.
        round: Number of the pruning round, 0 for the dense training.
        augment: Changes of the training images.
        tracked: The parameters of which the state records the movement.
        lr_start: The rate from which the learning rate rises to `lr` with each optimizer step. None: it is constant.
        part: The first batch of the epoch that is used and the one after the last; None for all that follow.
        teacher: An earlier network of the run whose outputs are learned beside the labels.
        compact: Whether pruned channels are left out of the computation.
    """

    kind: ClassVar[str] = "train"

    data: str
    optimizer: Optimizer
    lr: float
    batch_size: int
    index: int
    seed: int
    phase: PhaseName = field(default="dense", kw_only=True, metadata=NOT_IN_DIGEST)
    round: int = field(default=0, kw_only=True, metadata=NOT_IN_DIGEST)
    augment: Augment = field(default_factory=Augment, kw_only=True, metadata=IF_CHANGED)
    tracked: tuple[str, ...] = field(default=(), kw_only=True, metadata=IF_CHANGED)
    lr_start: float | None = field(default=None, kw_only=True, metadata=IF_CHANGED)
    part: tuple[int, int | None] = field(default=(0, None), kw_only=True, metadata=IF_CHANGED)
    teacher: Teacher | None = field(default=None, kw_only=True, metadata=IF_CHANGED)
    compact: bool = field(default=False, kw_only=True, metadata=IF_CHANGED)

    @property
    def recalls(self) -> tuple[int, ...]:
        return () if self.teacher is None else (self.teacher.at,)

    def apply(self, state: State, context: Context) -> tuple[State, Record]:
        after, loss, seconds = self.train(state, context)
        return after, self.report(after, context, loss, seconds)

    def train(self, state: State, context: Context, within: Within = unwrapped) -> tuple[State, float, float]:
        """Return the state after the epoch, the mean loss of an example, and the seconds of the training pass.

        Args:
            state: The state before.
            context: The context of the chain.
            within: A context of the network in which training takes place.
        """
        seed = derived_seed(self.seed, "train", self.index)
        batches = shuffled(context.data.train, self.batch_size, generator_of(seed))[slice(*self.part)]
        with drawing_from(seed, context.device):  # for networks with dropout and the like
            after, loss, seconds = self.train_on(batches, state, context, held=state.masks, seed=seed, within=within)
        return after, loss / sum(map(len, batches)), seconds

    def objective(self, context: Context) -> Objective:
        """Return what the epoch minimizes."""
        return supervised if self.teacher is None else self.teacher.objective(context)

    def before_step(self, model: nn.Module, optimizer: optim.Optimizer, context: Context) -> Callable[[], None]:  # noqa: ARG002
        """Return what is done before each optimizer step: in a warm-up, the next learning rate is set."""
        return nothing if self.lr_start is None else self._warm_up(self.lr_start, optimizer, len(context.data.train))

    def after_step(self, model: nn.Module) -> Callable[[], None]:  # noqa: ARG002
        """Return what is done after each optimizer step."""
        return nothing

    def _warm_up(self, start: float, optimizer: optim.Optimizer, examples: int) -> Callable[[], None]:
        steps, taken = math.ceil(examples / self.batch_size), itertools.count(self.part[0] + 1)

        def set_rate() -> None:
            for group in optimizer.param_groups:
                group["lr"] = start + (self.lr - start) * next(taken) / steps

        return set_rate

    def train_on(
        self,
        batches: Iterable[Tensor],
        state: State,
        context: Context,
        held: Tensors,
        seed: int,
        within: Within = unwrapped,
    ) -> tuple[State, float, float]:
        """Train on `batches`; return the new state, the summed loss and the seconds of the training pass.

        Args:
            batches: Indices of the examples of each batch.
            state: The state before.
            context: The context of the chain.
            held: Masks under which weights stay zero.
            seed: Seed of the changes of the images.
            within: A context of the network in which training takes place.

        Raises:
            Diverged: The loss, a weight or a buffer is not a finite number.
        """
        model = context.network(state)
        optimizer = optimizers.build(self.optimizer, model.parameters(), self.lr)
        restore(optimizer, model, state.optimizer)
        parameters = dict(model.named_parameters())
        moved = {name: state.movement.get(name, torch.zeros_like(parameters[name])).clone() for name in self.tracked}
        started = time.perf_counter()
        change = self._change(context, seed)
        objective = self.objective(context)
        left_out = held if self.compact else {}
        with summing(parameters, moved), within(model), without_channels(model, left_out, context.shape):
            hooks = self.before_step(model, optimizer, context), self.after_step(model)
            loss = train_batches(model, context.data.train, optimizer, held, batches, change, objective, *hooks)
        seconds = time.perf_counter() - started
        weights = contiguous(own_tensors(model))
        after = State(weights, state.masks, captured(optimizer, model), movement=contiguous(moved))
        self._check_finite(loss, after)
        return after, loss, seconds

    def _change(self, context: Context, seed: int) -> Callable[[Tensor], Tensor]:
        if not self.augment:
            return unchanged
        generator = generator_of(derived_seed(seed, "augment", 0))
        return lambda images: augmented(images, self.augment, context.data.zero, generator)

    def _check_finite(self, loss: float, after: State) -> None:
        """The last optimizer step of an epoch shows in no loss of that epoch, so weights are checked, too."""
        broken = [name for name, tensor in after.weights.items() if not torch.isfinite(tensor).all()]
        if broken or not math.isfinite(loss):
            fault = f"{broken[0]} is not finite after" if math.isfinite(loss) else f"the loss is {loss} in"
            raise Diverged(
                f"training diverged: {fault} epoch {self.index + 1} at a learning rate of {self.lr:g}. "
                "Lower optimizer.lr."
            )

    def report(self, after: State, context: Context, loss: float, seconds: float) -> Record:
        """Return the record of an epoch that ended in the state `after` with the mean training loss `loss`."""
        validation = score(context.network(after), context, "validation")
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
        del described["optimizer"]["lr"]  # the base of all rates; only the rate of this epoch matters
        return described

    def summary(self) -> str:
        return f"epoch {self.index + 1}"


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
