"""A schedule writes the chain of steps of a run: that is all the difference between one experiment and another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from prunesweep.models import Model, Shape
from prunesweep.pruning import Pruning
from prunesweep.steps import Init, Prune, Step, TrainEpoch
from prunesweep.training import Optimizer, Phase


@dataclass(frozen=True)
class Recipe:
    """What a schedule puts together: the settings of the steps, without their order.

    Attributes:
        shape: that of an image.
        data: the fingerprint of the data and its split.
        layers: the selected parameters, like `conv1.weight`.
    """

    model: Model
    shape: Shape
    data: str
    layers: tuple[str, ...]
    optimizer: Optimizer
    train: Phase
    finetune: Phase
    pruning: Pruning
    seed: int

    def init(self) -> tuple[Step, ...]:
        """The first step."""
        return (Init(self.model, self.shape, self.seed),)

    def training(self, phase: Phase, first: int) -> tuple[Step, ...]:
        """The epochs of `phase`, numbered from `first` on."""
        return tuple(
            TrainEpoch(self.data, self.optimizer, lr, phase.batch_size, first + number, self.seed)
            for number, lr in enumerate(phase.learning_rates(self.optimizer.lr))
        )

    def prune(self, index: int = 0) -> tuple[Step, ...]:
        """Pruning number `index` of the run."""
        return (Prune(self.pruning, self.layers, index, self.seed),)


@dataclass(frozen=True)
class Plan:
    """A chain, and the positions in it at which the network is scored: dense, straight after pruning, in the end."""

    chain: tuple[Step, ...]
    dense: int
    pruned: int

    @property
    def final(self) -> int:
        """The position of the last step."""
        return len(self.chain) - 1


@dataclass
class Schedule(ABC):
    """How pruning and training follow each other."""

    name: str

    @abstractmethod
    def plan(self, recipe: Recipe) -> Plan:
        """The chain for `recipe`."""


@dataclass
class OneShot(Schedule):
    """Train, prune once, fine-tune (Han et al. 2015, without their iterations)."""

    name: str = "one_shot"

    def plan(self, recipe: Recipe) -> Plan:
        dense = recipe.init() + recipe.training(recipe.train, first=0)
        pruned = dense + recipe.prune()
        return Plan(
            pruned + recipe.training(recipe.finetune, first=recipe.train.epochs),
            dense=len(dense) - 1,
            pruned=len(pruned) - 1,
        )


SCHEDULES: tuple[type[Schedule], ...] = (OneShot,)
