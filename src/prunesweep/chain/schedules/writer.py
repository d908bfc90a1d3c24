"""Write a chain step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from prunesweep.chain.average import Average
from prunesweep.chain.best import Best
from prunesweep.chain.cleanup import CleanUp
from prunesweep.chain.prune_steps import Prune
from prunesweep.chain.schedules.parts import MeasuredPoint, Parts, Plan, needs_movement
from prunesweep.chain.schedules.quantizing import quantization
from prunesweep.chain.steps import Init, Rewind, Step
from prunesweep.chain.teacher import Teacher
from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.errors import UsageError, check_range
from prunesweep.pruning.spec import PruneSpec
from prunesweep.training.phases import Phase

if TYPE_CHECKING:
    from prunesweep.results.history import PhaseName


MAX_STEPS = 200_000
"""The largest number of steps of a run. A chain is in memory as a whole, and its result records each epoch."""


class Writer:
    """A chain that begins with the dense training and is extended step by step.

    Attributes:
        parts: The parts of the chain.
        steps: The steps so far.
        dense: Position of the dense network.
        points: The points to measure so far.
    """

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.steps: list[Step] = [parts.init]
        self.points: list[MeasuredPoint] = []
        self._epochs = 0
        self._prunings = 0
        self.dense = self.train(parts.train, "dense", 0)

    @property
    def next_epoch(self) -> int:
        """The index of the next epoch within the run."""
        return self._epochs

    def add(self, step: Step) -> int:
        """Append `step` and return its position."""
        if len(self.steps) >= MAX_STEPS:
            raise UsageError(
                f"the run has more than {MAX_STEPS:,} steps: reduce train.epochs, finetune.epochs or schedule.rounds."
            )
        self.steps.append(step)
        self._epochs += isinstance(step, TrainEpoch)
        self._prunings += isinstance(step, Prune)
        return len(self.steps) - 1

    def prune(self, spec: PruneSpec) -> int:
        """Append a pruning and return its position."""
        parts = self.parts
        if needs_movement(spec) and not self._was_trained():
            raise UsageError(
                f"prune.criterion={spec.criterion}: sums over the training steps before the pruning, and there are "
                "none. Increase train.epochs, or use schedule=gradual."
            )
        return self.add(Prune(parts.data, spec, parts.layers, self._prunings, parts.seed))

    def train(self, phase: Phase, name: PhaseName, number: int, skip: int = 0, within: int = 0) -> int:
        """Append the epochs of `phase` except the first `skip` ones; return the position of the last step.

        Args:
            phase: The settings of the phase.
            name: The name that the epochs carry in the history.
            number: The round that the epochs belong to.
            skip: Epochs to leave out at the start of the phase.
            within: Optimizer steps to leave out of the first of the others.
        """
        parts, optimizer = self.parts, self.parts.optimizer
        if name == "finetune" and parts.finetune.weight_decay is not None:
            optimizer = replace(optimizer, weight_decay=parts.finetune.weight_decay)
        base = optimizer.lr
        rates = list(zip(phase.learning_rates(base), phase.first_rates(base), strict=True))[skip:]
        for position, (lr, start) in enumerate(rates):
            self.add(
                TrainEpoch(
                    parts.data,
                    optimizer,
                    lr,
                    phase.batch_size,
                    self.next_epoch,
                    parts.seed,
                    phase=name,
                    round=number,
                    augment=parts.augment,
                    tracked=parts.tracked,
                    lr_start=start,
                    part=(0 if position else within, None),
                    teacher=self.teacher if name == "finetune" else None,
                    compact=parts.compact and name != "dense",
                )
            )
        return len(self.steps) - 1

    def pruning_epoch(self, make: Callable[..., TrainEpoch], lr_scale: float, phase: PhaseName, **fields: Any) -> int:
        """Append an epoch after the dense training in which weights are pruned or shrink; return its position.

        Args:
            make: Returns the epoch, given what all such epochs have in common, and `fields`.
            lr_scale: Factor of the learning rate of the optimizer.
            phase: The name that the epoch carries in the history.
            fields: The fields of this kind of epoch.
        """
        parts = self.parts
        common = {
            "data": parts.data,
            "optimizer": parts.optimizer,
            "lr": parts.optimizer.lr * lr_scale,
            "batch_size": parts.train.batch_size,
            "augment": parts.augment,
            "tracked": parts.tracked,
            "index": self.next_epoch,
            "seed": parts.seed,
            "spec": parts.spec,
            "layers": parts.layers,
            "teacher": self.teacher,
            "compact": parts.compact,
            "phase": phase,
            "round": 1,
        }
        return self.add(make(**{**common, **fields}))

    def _was_trained(self) -> bool:
        """Return whether the current weights were trained since they were initialized or reset."""
        kinds = (type(step) for step in reversed(self.steps) if isinstance(step, Init | TrainEpoch | Rewind))
        return next(kinds) not in (Init, Rewind)

    def finetune(self, number: int, phase: Phase | None = None, skip: int = 0) -> int:
        """Append the fine-tuning of round `number` and what follows from it; return the position of the last step.

        Args:
            number: The round.
            phase: The phase whose length and learning rates apply instead of those of `finetune`.
            skip: Epochs to leave out at the start of the phase.
        """
        first, settings = len(self.steps), self.parts.finetune
        last = self.train(phase or settings, "finetune", number, skip)
        epochs = tuple(range(first, last + 1))
        if settings.best:
            return self.add(Best(_at_least("finetune.best=true", 1, epochs)))
        if settings.average:
            of = _at_least(f"finetune.average={settings.average}", settings.average, epochs)[-settings.average :]
            return self.add(Average(self.parts.data, of, settings.batch_size, self.parts.seed))
        return last

    @property
    def teacher(self) -> Teacher | None:
        """The dense network as the teacher of all later training, if fine-tuning distills.

        Raises:
            UsageError: The dense network is not trained.
        """
        settings, init = self.parts.finetune, self.parts.init
        if not settings.distill:
            return None
        if self.dense == 0 and not init.model.weights:
            raise UsageError(
                f"finetune.distill={settings.distill:g}: the dense network is not trained, so nothing can be learned "
                "from it. Set train.epochs above 0, or give trained weights (model.weights)."
            )
        return Teacher(self.dense, settings.distill, settings.temperature)

    def prune_and_finetune(self) -> Plan:
        """Append the pruning to the target and the fine-tuning, and return the finished chain."""
        spec = self.parts.spec
        pruned = self.prune(spec)
        final = self.finetune(1)
        self.measure(spec, pruned, final)
        return self.plan()

    def measure(self, spec: PruneSpec, pruned: int, final: int) -> None:
        """Measure the run at the positions `pruned` and `final`, the last step so far, where `spec` is reached."""
        if self.parts.cleanup == "rounds":
            final = self.add(CleanUp())
        self.points.append(MeasuredPoint(spec.requested(self.parts.selected), pruned, final))

    def plan(self) -> Plan:
        """Return the finished chain."""
        if self.parts.cleanup == "final":
            self.points[-1] = replace(self.points[-1], final=self.add(CleanUp()))
        for step in quantization(self.parts, self.next_epoch, len(self.points)):
            last = self.points[-1]
            before = last.final if last.unquantized is None else last.unquantized
            self.points[-1] = replace(last, final=self.add(step), unquantized=before)
        return Plan(tuple(self.steps), self.dense, tuple(self.points))


def check_rises(schedule: str, spec: PruneSpec) -> None:
    """Raise `UsageError` if the amount of `spec` cannot rise step by step."""
    if spec.structure == "n_of_m":
        raise UsageError(f"schedule={schedule}: prune.structure=n_of_m has a single amount. Use schedule=one_shot.")


def _at_least(setting: str, count: int, epochs: tuple[int, ...]) -> tuple[int, ...]:
    """Return `epochs`.

    Raises:
        UsageError: They are less than `setting` needs.
    """
    if len(epochs) < count:
        raise UsageError(f"{setting}: needs at least {count} epochs of fine-tuning, and the run has {len(epochs)}.")
    return epochs


def check_within_training(key: str, epoch: int, parts: Parts) -> int:
    """Return `epoch`.

    Raises:
        UsageError: The dense training has fewer epochs.
    """
    check_range(key, epoch, 0, parts.train.length)
    return epoch
