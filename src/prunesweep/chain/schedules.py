"""A schedule writes the chain of steps of a run: that is all the difference between one experiment and another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace

from prunesweep.chain.prune_steps import Prune, RampEpoch
from prunesweep.chain.steps import Init, Reinitialize, Rewind, Step, TrainEpoch
from prunesweep.errors import UsageError, check_choice, check_range
from prunesweep.models.settings import Model, Shape
from prunesweep.pruning.allocation import layer_of
from prunesweep.pruning.curves import CURVES, geometric
from prunesweep.pruning.settings import Pruning
from prunesweep.training.phases import Phase
from prunesweep.training.settings import Optimizer

CONTROLS = ("none", "reinit")


@dataclass(frozen=True)
class StepFactory:
    """What a schedule puts together: the settings of the steps, without their order.

    Attributes:
        shape: that of an image.
        data: the fingerprint of the data and its split.
        selected: the selected parameters, like `conv1.weight`, and their shapes, in the order of the network.
        output: the name of the layer that gives the logits.
        pruning: its target is settled.
    """

    model: Model
    shape: Shape
    data: str
    selected: Mapping[str, tuple[int, ...]]
    output: str
    optimizer: Optimizer
    train: Phase
    finetune: Phase
    pruning: Pruning
    seed: int

    @property
    def layers(self) -> tuple[str, ...]:
        """The selected parameters."""
        return tuple(self.selected)

    def dense(self) -> tuple[Step, ...]:
        """The first steps of every run: the dense network."""
        return Init(self.model, self.shape, self.seed), *self.training(self.train, first=0)

    def training(self, phase: Phase, first: int, skip: int = 0) -> tuple[Step, ...]:
        """The epochs of `phase` but for the first `skip`, numbered from `first` on."""
        rates = phase.learning_rates(self.optimizer.lr)[skip:]
        return tuple(
            TrainEpoch(self.data, self.optimizer, lr, phase.batch_size, first + number, self.seed)
            for number, lr in enumerate(rates)
        )

    def prune(self, pruning: Pruning, index: int = 0) -> Prune:
        """Pruning number `index` of the run."""
        return Prune(self.data, pruning, self.layers, index, self.seed)


@dataclass(frozen=True)
class MeasuredPoint:
    """A point of the trade-off: the requested amount, and the positions straight after pruning and in the end."""

    amount: float
    pruned: int
    final: int


@dataclass(frozen=True)
class Plan:
    """A chain, the position of the dense network in it, and the points at which it is measured, in their order."""

    chain: tuple[Step, ...]
    dense: int
    points: tuple[MeasuredPoint, ...]


@dataclass
class Schedule(ABC):
    """How pruning and training follow each other."""

    name: str

    @abstractmethod
    def plan(self, factory: StepFactory) -> Plan:
        """The chain for `recipe`.

        Raises:
            UsageError: the schedule does not fit the other settings.
        """


@dataclass
class OneShot(Schedule):
    """Train, prune once, fine-tune (Han et al. 2015, without their iterations)."""

    name: str = "one_shot"

    def plan(self, factory: StepFactory) -> Plan:
        chain = [*factory.dense(), factory.prune(factory.pruning)]
        pruned = len(chain) - 1
        chain += factory.training(factory.finetune, first=factory.train.epochs)
        point = MeasuredPoint(factory.pruning.requested(factory.selected), pruned, len(chain) - 1)
        return Plan(tuple(chain), pruned - 1, (point,))


@dataclass
class Iterative(Schedule):
    """Train, then prune a part and train again, in `rounds` (Han et al. 2015, section 3.4).

    Attributes:
        rounds: how often; the last one reaches the amount.
        curve: how the pruned fraction rises: `geometric` (the same fraction of what is left in each round), `linear`,
            or `cubic`.
        rewind_lr: null fine-tunes after each round; k instead replays the learning rates of the dense training from
            the end of epoch k on, the weights staying (Renda, Frankle, Carbin, "Comparing rewinding and fine-tuning",
            2020: learning-rate rewinding).
    """

    name: str = "iterative"
    rounds: int = 5
    curve: str = "geometric"
    rewind_lr: int | None = None

    def __post_init__(self) -> None:
        check_range("schedule.rounds", self.rounds, 1)
        check_choice("schedule.curve", self.curve, CURVES)
        if self.rewind_lr is not None:
            check_range("schedule.rewind_lr", self.rewind_lr, 0)

    def plan(self, factory: StepFactory) -> Plan:
        _check_rises(self.name, factory.pruning)
        phase, skip = factory.finetune, 0
        if self.rewind_lr is not None:
            phase, skip = factory.train, _within_training("schedule.rewind_lr", self.rewind_lr, factory)
        chain: list[Step] = [*factory.dense()]
        dense, epoch = len(chain) - 1, factory.train.epochs
        points = []
        for number in range(1, self.rounds + 1):
            target = factory.pruning.at(lambda final, part=number / self.rounds: CURVES[self.curve](final, part))  # type: ignore[misc]
            chain.append(factory.prune(target, number - 1))
            pruned, training = len(chain) - 1, factory.training(phase, epoch, skip)
            chain += training
            epoch += len(training)
            points.append(MeasuredPoint(target.requested(factory.selected), pruned, len(chain) - 1))
        return Plan(tuple(chain), dense, tuple(points))


@dataclass
class Gradual(Schedule):
    """Sparsity rises while the network trains, then it is fine-tuned (Zhu & Gupta 2017).

    Attributes:
        epochs: during which sparsity rises, along a cubic curve.
        every: optimizer steps between two updates of the masks.
        lr_scale: the constant learning rate meanwhile, times `optimizer.lr`.
        regrow: whether pruned weights go on training under the mask, so that they can come back (Guo et al. 2016).
    """

    name: str = "gradual"
    epochs: int = 10
    every: int = 100
    lr_scale: float = 1.0
    regrow: bool = False

    def __post_init__(self) -> None:
        check_range("schedule.epochs", self.epochs, 1)
        check_range("schedule.every", self.every, 1)
        check_range("schedule.lr_scale", self.lr_scale, 0, above=True)

    def plan(self, factory: StepFactory) -> Plan:
        _check_rises(self.name, factory.pruning)
        if self.regrow and factory.pruning.structure != "unstructured":
            raise UsageError("schedule.regrow=true: only single weights can grow back (prune.structure=unstructured).")
        chain: list[Step] = [*factory.dense()]
        dense, first = len(chain) - 1, factory.train.epochs
        chain += [
            RampEpoch(
                data=factory.data,
                optimizer=factory.optimizer,
                lr=factory.optimizer.lr * self.lr_scale,
                batch_size=factory.train.batch_size,
                index=first + number,
                seed=factory.seed,
                pruning=factory.pruning,
                layers=factory.layers,
                number=number,
                of=self.epochs,
                every=self.every,
                regrow=self.regrow,
            )
            for number in range(self.epochs)
        ]
        pruned = len(chain) - 1
        chain += factory.training(factory.finetune, first + self.epochs)
        point = MeasuredPoint(factory.pruning.requested(factory.selected), pruned, len(chain) - 1)
        return Plan(tuple(chain), dense, (point,))


@dataclass
class Lottery(Schedule):
    """Iterative pruning whose weights go back to where they came from, the masks staying (Frankle & Carbin 2019).

    Each round trains for the epochs that the dense training had from there on, at their learning rates.

    Attributes:
        rounds: how often; each prunes the same fraction of what is left, the last one reaches the amount.
        rewind_to: the epoch of the dense training whose weights are taken up again; 0 is the initialisation.
        half_output: whether the output layer loses half of that fraction in each round, as in the paper.
        control: `reinit` measures, with the masks of each round, a network drawn anew instead of the ticket.
    """

    name: str = "lottery"
    rounds: int = 5
    rewind_to: int = 0
    half_output: bool = True
    control: str = "none"

    def __post_init__(self) -> None:
        check_range("schedule.rounds", self.rounds, 1)
        check_range("schedule.rewind_to", self.rewind_to, 0)
        check_choice("schedule.control", self.control, CONTROLS)

    def plan(self, factory: StepFactory) -> Plan:
        _check_rises(self.name, factory.pruning)
        skip = _within_training("schedule.rewind_to", self.rewind_to, factory)
        chain: list[Step] = [*factory.dense()]
        dense, epoch = len(chain) - 1, factory.train.epochs
        points = []
        for number in range(1, self.rounds + 1):
            target = self._target(factory, number)
            chain += [factory.prune(target, number - 1), Rewind(self.rewind_to)]
            pruned, training = len(chain) - 2, factory.training(factory.train, epoch, skip)
            chain += training
            epoch += len(training)
            points.append(MeasuredPoint(target.requested(factory.selected), pruned, len(chain) - 1))
        plan = Plan(tuple(chain), dense, tuple(points))
        return plan if self.control == "none" else _reinitialized(plan, factory, epoch)

    def _target(self, factory: StepFactory, number: int) -> Pruning:
        pruning = factory.pruning.at(lambda final: geometric(final, number / self.rounds))
        halved = factory.output in map(layer_of, factory.layers) and factory.output not in pruning.per_layer
        if not (self.half_output and halved):
            return pruning
        rate = geometric(factory.pruning.fraction(), 1 / self.rounds)
        return replace(pruning, per_layer={**pruning.per_layer, factory.output: 1 - (1 - rate / 2) ** number})


def _reinitialized(plan: Plan, factory: StepFactory, epoch: int) -> Plan:
    """`plan`, and after it, from the masks of each of its points, a network drawn anew: these are the points then.

    They come after the whole plan, so that its steps are those of the run without the control.
    """
    chain, points = list(plan.chain), []
    for number, point in enumerate(plan.points):
        chain += [Rewind(point.pruned, masks=True), Reinitialize(number, factory.seed)]
        pruned, training = len(chain) - 2, factory.training(factory.train, epoch)
        chain += training
        epoch += len(training)
        points.append(MeasuredPoint(point.amount, pruned, len(chain) - 1))
    return Plan(tuple(chain), plan.dense, tuple(points))


def _check_rises(schedule: str, pruning: Pruning) -> None:
    if pruning.structure == "n_of_m":
        raise UsageError(f"schedule={schedule}: prune.structure=n_of_m has one amount only; use schedule=one_shot.")


def _within_training(key: str, epoch: int, factory: StepFactory) -> int:
    check_range(key, epoch, 0, factory.train.epochs)
    return epoch


SCHEDULES: tuple[type[Schedule], ...] = (OneShot, Iterative, Gradual, Lottery)
