"""Settings of the schedules, one dataclass each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from prunesweep.errors import MAX_COUNT, UsageError, check_choice, check_range
from prunesweep.pruning.curves import CURVES
from prunesweep.training.phases import MAX_EPOCHS

CONTROLS = ("none", "reinit")
MAX_ROUNDS = 1_000
MAX_GROWTH = 1_000


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
            remaining weights), `linear`, `cubic` or `exponential`.
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
        epochs: Number of epochs during which sparsity rises.
        curve: How it rises: `cubic` (Zhu & Gupta 2017), `linear`, `geometric` or `exponential`.
        every: Optimizer steps between two updates of the masks.
        lr_scale: Factor of `optimizer.lr` during the rise. The rate is constant.
        regrow: Whether pruned weights keep training under the mask, so that they can return (Guo et al. 2016).
    """

    name: str = "gradual"
    epochs: int = 10
    curve: str = "cubic"
    every: int = 100
    lr_scale: float = 1.0
    regrow: bool = False

    def __post_init__(self) -> None:
        check_range("schedule.epochs", self.epochs, 1, MAX_EPOCHS)
        check_choice("schedule.curve", self.curve, CURVES)
        check_range("schedule.every", self.every, 1, MAX_COUNT)
        check_range("schedule.lr_scale", self.lr_scale, 0, above=True)


@dataclass
class Lottery(Schedule):
    """Prune in rounds and rewind the weights after each, with the masks kept.

    Attributes:
        rounds: Number of rounds. Each prunes the same fraction of the remaining weights; the last one reaches the
            amount.
        rewind_to: Epoch of the dense training to whose weights each round returns; 0 is the initialization.
        rewind_steps: The alternative to `rewind_to`: a number of optimizer steps of the dense training.
        half_output: Whether the output layer loses half of that fraction in each round, as in the paper.
        control: With `reinit`, measure networks with new random weights under the masks of each round.
    """

    name: str = "lottery"
    rounds: int = 5
    rewind_to: int = 0
    rewind_steps: int | None = None
    half_output: bool = True
    control: str = "none"

    def __post_init__(self) -> None:
        check_range("schedule.rounds", self.rounds, 1, MAX_ROUNDS)
        check_range("schedule.rewind_to", self.rewind_to, 0, MAX_EPOCHS)
        if self.rewind_steps is not None:
            check_range("schedule.rewind_steps", self.rewind_steps, 0, MAX_COUNT)
            if self.rewind_to:
                raise UsageError(
                    f"schedule.rewind_to={self.rewind_to} schedule.rewind_steps={self.rewind_steps}: both set where "
                    "to rewind to. Use one of them."
                )
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


@dataclass
class Penalty(Schedule):
    """Train with a penalty of the weights until the target is met, prune, fine-tune.

    Attributes:
        epochs: Number of epochs with the penalty.
        strength: Factor of the penalty in the first epoch. None: a default for each penalty.
        growth: Factor of the strength from epoch to epoch.
        tolerance: The target is met when the weights to prune hold at most this part of the sum of |w|.
        lr_scale: Factor of `optimizer.lr` during these epochs. The rate is constant.
    """

    name: str = "penalty"
    epochs: int = 20
    strength: float | None = None
    growth: float = 1.3
    tolerance: float = 0.01
    lr_scale: float = 1.0

    def __post_init__(self) -> None:
        check_range("schedule.epochs", self.epochs, 1, MAX_EPOCHS)
        if self.strength is not None:
            check_range("schedule.strength", self.strength, 0, above=True)
        check_range("schedule.growth", self.growth, 1, MAX_GROWTH)
        check_range("schedule.tolerance", self.tolerance, 0, 1)
        check_range("schedule.lr_scale", self.lr_scale, 0, above=True)


@dataclass
class GSM(Schedule):
    """Train only the weights with the highest |w g| while the others decay, prune, fine-tune.

    Attributes:
        epochs: Number of such epochs.
        momentum: Momentum of SGD during these epochs, without Nesterov's change.
        weight_decay: Coefficient of the L2 penalty during these epochs. None: `optimizer.weight_decay`.
        lr_scale: Factor of `optimizer.lr` during these epochs. The rate is constant.
    """

    name: str = "gsm"
    epochs: int = 20
    momentum: float = 0.98
    weight_decay: float | None = None
    lr_scale: float = 1.0

    def __post_init__(self) -> None:
        check_range("schedule.epochs", self.epochs, 1, MAX_EPOCHS)
        check_range("schedule.momentum", self.momentum, 0, 1)
        if self.weight_decay is not None:
            check_range("schedule.weight_decay", self.weight_decay, 0, above=True)
        check_range("schedule.lr_scale", self.lr_scale, 0, above=True)


SCHEDULES: tuple[type[Schedule], ...] = (
    OneShot,
    Iterative,
    Gradual,
    Lottery,
    RigL,
    SparseEvolution,
    Surgery,
    Penalty,
    GSM,
)
