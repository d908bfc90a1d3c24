"""The steps of a run, as frozen dataclasses that know how to apply themselves.

A step is a pure function of the state before it: whatever it draws comes from a seed in its own fields, and whatever
its result depends on is in `describe()`, from which the run's digest is made.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from prunesweep import criteria
from prunesweep.models import Model
from prunesweep.pruning import Pruning, prune
from prunesweep.state import Setting, State, captured, contiguous, derived_seed, drawing_from, generator_of, restore
from prunesweep.training import Optimizer, Score, evaluate, train_epoch

Record = dict[str, Any]


class Diverged(ArithmeticError):
    """The training loss is no longer a number."""


@dataclass(frozen=True)
class Step(ABC):
    """One link of a chain."""

    version: ClassVar[int] = 1  # raised when a change of the code changes the step's result

    @abstractmethod
    def apply(self, state: State, setting: Setting) -> tuple[State, Record]:
        """The state after this step, and what there is to tell about it."""

    def describe(self) -> Record:
        """All that the step's result depends on, as plain values."""
        return {"step": type(self).__name__, "version": self.version, **asdict(self)}


@dataclass(frozen=True)
class Init(Step):
    """Builds the network."""

    model: Model
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
        seed, data = derived_seed(self.seed, "train", self.index), setting.data
        model = setting.network(state)
        optimizer = self.optimizer.build(model.parameters(), self.lr)
        restore(optimizer, model, state.optimizer)
        with drawing_from(seed, setting.device):  # for networks that draw, by dropout say
            started = time.perf_counter()
            loss = train_epoch(model, data.train, optimizer, state.masks, self.batch_size, generator_of(seed))
            seconds = time.perf_counter() - started
        if not math.isfinite(loss):
            raise Diverged(
                f"training diverged: the loss of epoch {self.index + 1} is {loss} at a learning rate of {self.lr:g}. "
                "Lower optimizer.lr."
            )
        after = State(contiguous(model.state_dict()), state.masks, captured(optimizer, model))
        validation = evaluate(model, data.validation)
        return after, {
            "epoch": self.index + 1,
            "sparsity": state.sparsity,
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
class Prune(Step):
    """Masks the lowest-scored weights of `layers` up to the fraction `pruning.amount` of them.

    The optimizer starts afresh: momentum from before would move the weights that are gone.
    """

    pruning: Pruning
    layers: tuple[str, ...]
    index: int
    seed: int

    def apply(self, state: State, setting: Setting) -> tuple[State, Record]:
        from torch.nn.utils.prune import custom_from_mask

        generator = generator_of(derived_seed(self.seed, "prune", self.index))
        criterion = criteria.find(self.pruning.criterion, self.pruning.target)
        scores = {name: criterion(state.weights[name].cpu(), generator) for name in self.layers}
        model = setting.fresh()
        model.load_state_dict(dict(state.weights))
        for name, mask in state.masks.items():
            layer, _, role = name.rpartition(".")
            custom_from_mask(model.get_submodule(layer), role, mask.cpu())
        pruned = prune(model, scores, self.pruning.scope, self.pruning.amount)
        masks = {name: mask.bool().to(state.weights[name].device) for name, mask in pruned.items()}
        weights = {
            name: tensor.masked_fill(~masks[name], 0) if name in masks else tensor
            for name, tensor in state.weights.items()
        }
        after = State(weights, {**state.masks, **masks})
        return after, {"sparsity": after.sparsity}

    def describe(self) -> Record:
        return {**super().describe(), "source": self.pruning.source()}


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
