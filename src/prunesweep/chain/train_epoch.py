"""The step that trains the network for one epoch."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn, optim

from prunesweep.chain.context import Context
from prunesweep.chain.seeding import derived_seed, drawing_from, generator_of
from prunesweep.chain.state import State, Tensors, captured, contiguous, restore
from prunesweep.chain.teacher import Teacher
from prunesweep.models.tensors import own_tensors
from prunesweep.pruning.without_channels import without_channels
from prunesweep.training import optimizers
from prunesweep.training.augment import augmented
from prunesweep.training.loop import nothing, shuffled, train_batches, unchanged
from prunesweep.training.movement import summing
from prunesweep.training.objectives import Objective, supervised
from prunesweep.training.settings import Augment, Optimizer

if TYPE_CHECKING:
    from prunesweep.results.history import PhaseName

from prunesweep.chain.steps import IF_CHANGED, NOT_IN_DIGEST, Diverged, Record, Step, score

Within = Callable[[nn.Module], AbstractContextManager[None]]
"""Returns a context of a network in which training takes place."""


def unwrapped(model: nn.Module) -> AbstractContextManager[None]:  # noqa: ARG001
    """Train the network as it is."""
    return nullcontext()


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
