"""Settings of the schedules, one dataclass each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from prunesweep.errors import MAX_COUNT, check_choice, check_range
from prunesweep.pruning.curves import CURVES
from prunesweep.training.phases import MAX_EPOCHS

CONTROLS = ("none", "reinit")
MAX_ROUNDS = 1_000


@dataclass
class Schedule:
    """Settings of a schedule: in which order a run prunes and trains.

    Attributes:
        repeated: Whether the schedule prunes more than once.
    """

    repeated: ClassVar[bool] = True
    name: str


@dataclass
class OneShot(Schedule):
    """Train, prune once, fine-tune."""

    repeated: ClassVar[bool] = False
    name: str = "one_shot"


@dataclass
class Iterative(Schedule):
    """Train, then prune and fine-tune in rounds.

    Attributes:
        rounds: Number of rounds. The last one reaches the amount.
        curve: How the pruned fraction rises over the rounds: `geometric` (each round prunes the same fraction of the
            remaining weights), `linear` or `cubic`.
        rewind_lr: If null, fine-tune after each round. Otherwise repeat the learning rates of the dense training from
            this epoch on (Renda, Frankle, Carbin, "Comparing rewinding and fine-tuning", 2020).
    """

    name: str = "iterative"
    rounds: int = 5
    curve: str = "geometric"
    rewind_lr: int | None = None

    def __post_init__(self) -> None:
        check_range("schedule.rounds", self.rounds, 1, MAX_ROUNDS)
        check_choice("schedule.curve", self.curve, CURVES)
        if self.rewind_lr is not None:
            check_range("schedule.rewind_lr", self.rewind_lr, 0, MAX_EPOCHS)


@dataclass
class Gradual(Schedule):
    """Raise sparsity during training, then fine-tune.

    Attributes:
        epochs: Number of epochs during which sparsity rises, along a cubic curve.
        every: Optimizer steps between two updates of the masks.
        lr_scale: Factor of `optimizer.lr` during the rise. The rate is constant.
        regrow: Whether pruned weights keep training under the mask, so that they can return (Guo et al. 2016).
    """

    name: str = "gradual"
    epochs: int = 10
    every: int = 100
    lr_scale: float = 1.0
    regrow: bool = False

    def __post_init__(self) -> None:
        check_range("schedule.epochs", self.epochs, 1, MAX_EPOCHS)
        check_range("schedule.every", self.every, 1, MAX_COUNT)
        check_range("schedule.lr_scale", self.lr_scale, 0, above=True)


@dataclass
class Lottery(Schedule):
    """Prune in rounds and rewind the weights after each, with the masks kept.

    Attributes:
        rounds: Number of rounds. Each prunes the same fraction of the remaining weights; the last one reaches the
            amount.
        rewind_to: Epoch of the dense training to whose weights each round returns; 0 is the initialization.
        half_output: Whether the output layer loses half of that fraction in each round, as in the paper.
        control: With `reinit`, measure networks with new random weights under the masks of each round.
    """

    name: str = "lottery"
    rounds: int = 5
    rewind_to: int = 0
    half_output: bool = True
    control: str = "none"

    def __post_init__(self) -> None:
        check_range("schedule.rounds", self.rounds, 1, MAX_ROUNDS)
        check_range("schedule.rewind_to", self.rewind_to, 0, MAX_EPOCHS)
        check_choice("schedule.control", self.control, CONTROLS)


@dataclass
class Regrowth(Schedule):
    """Train a sparse network whose pruned weights can return, then fine-tune under the last masks.

    Attributes:
        epochs: Number of epochs during which the masks change.
        every: Optimizer steps between two changes of the masks.
        rise: The part of these epochs, from 0 to 1, during which sparsity rises along a cubic curve. 0: it is reached
            before the first of them.
        lr_scale: Factor of `optimizer.lr` during these epochs. The rate is constant.
    """

    epochs: int = 20
    every: int = 100
    rise: float = 0.0
    lr_scale: float = 1.0

    def __post_init__(self) -> None:
        check_range("schedule.epochs", self.epochs, 1, MAX_EPOCHS)
        check_range("schedule.every", self.every, 1, MAX_COUNT)
        check_range("schedule.rise", self.rise, 0, 1)
        check_range("schedule.lr_scale", self.lr_scale, 0, above=True)


@dataclass
class RigL(Regrowth):
    """Drop the smallest weights of each layer and grow those with the largest gradients (Evci et al. 2020).

    Attributes:
        fraction: The fraction of the kept weights of each layer that the first change exchanges. It falls to 0 along
            half a cosine wave.
        batches: Training batches over which the gradient is averaged.
    """

    name: str = "rigl"
    fraction: float = 0.3
    batches: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("schedule.fraction", self.fraction, 0, 1)
        check_range("schedule.batches", self.batches, 1, MAX_COUNT)


@dataclass
class SparseEvolution(Regrowth):
    """Drop the smallest weights of each layer and grow random ones (SET, Mocanu et al. 2018).

    Attributes:
        fraction: The fraction of the kept weights of each layer that each change exchanges.
    """

    name: str = "set"
    fraction: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("schedule.fraction", self.fraction, 0, 1)


@dataclass
class Surgery(Regrowth):
    """Prune and restore weights by two thresholds, while pruned weights keep training (Guo et al. 2016).

    Attributes:
        gamma: After the rise, the masks change with the probability 1 / (1 + gamma * optimizer steps since the rise).
    """

    name: str = "surgery"
    gamma: float = 1e-4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("schedule.gamma", self.gamma, 0)


SCHEDULES: tuple[type[Schedule], ...] = (OneShot, Iterative, Gradual, Lottery, RigL, SparseEvolution, Surgery)
