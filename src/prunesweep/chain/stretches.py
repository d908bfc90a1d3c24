"""Training epochs during which the masks change every few optimizer steps."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

from torch import Tensor

from prunesweep.chain.context import Context
from prunesweep.chain.seeding import derived_seed, drawing_from, generator_of
from prunesweep.chain.state import State, masked
from prunesweep.chain.steps import Record
from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.pruning.criteria import find
from prunesweep.pruning.spec import PruneSpec
from prunesweep.training.loop import shuffled


@dataclass(frozen=True)
class Stretch:
    """A part of an epoch, after which the masks change.

    Attributes:
        begin: The part of the epoch before it, from 0 to 1.
        end: The part of the epoch that is complete after it.
        steps: The number of optimizer steps of the whole epoch.
        seed: The seed of the change.
    """

    begin: float
    end: float
    steps: int
    seed: int


@dataclass(frozen=True)
class StretchedEpoch(TrainEpoch):
    """A training epoch during which the masks change every few optimizer steps.

    Attributes:
        spec: The target.
        layers: The parameters selected for pruning.
        number: Number of this epoch among those with changing masks, from 0.
        of: Number of these epochs.
        every: Optimizer steps between two changes.
    """

    kind: ClassVar[str] = "prune"

    spec: PruneSpec
    layers: tuple[str, ...]
    number: int
    of: int
    every: int

    @property
    def recalls(self) -> tuple[int, ...]:
        return (*super().recalls, *recalled(self.spec))

    def apply(self, state: State, context: Context) -> tuple[State, Record]:
        """Return the state after the epoch and its record, which contains what the last change recorded."""
        seed, images = derived_seed(self.seed, "train", self.index), context.data.train
        batches = shuffled(images, self.batch_size, generator_of(seed))
        loss, seconds = 0.0, 0.0
        changed: Record = {}
        for start in range(0, len(batches), self.every):
            part = batches[start : start + self.every]
            part_seed = derived_seed(seed, "stretch", start)
            with drawing_from(part_seed, context.device):
                state, part_loss, took = self.train_part(part, state, context, part_seed)
            loss, seconds = loss + part_loss, seconds + took
            end = (start + len(part)) / len(batches)
            stretch = Stretch(start / len(batches), end, len(batches), derived_seed(seed, "prune", start))
            state, record = self.set_masks(state, context, stretch)
            changed.update(record)
        if self.number + 1 == self.of:
            state = masked(replace(state, dense={}))
        return state, {**self.report(state, context, loss / len(images), seconds), **changed}

    def train_part(
        self, batches: tuple[Tensor, ...], state: State, context: Context, seed: int
    ) -> tuple[State, float, float]:
        """Train on a stretch; return the state, the summed loss and the seconds."""
        return self.train_on(batches, state, context, held=state.masks, seed=seed)

    @abstractmethod
    def set_masks(self, state: State, context: Context, stretch: Stretch) -> tuple[State, Record]:
        """Change the masks after a stretch; return the state, and what the record of the epoch gains."""


def recalled(spec: PruneSpec) -> tuple[int, ...]:
    """Return the positions of the earlier states that the scores of `spec` use: none, or that of the initial one."""
    needs_initial = spec.criterion != "none" and find(spec.criterion, spec.target).needs_initial
    return (0,) if needs_initial or spec.scored == "init" else ()
