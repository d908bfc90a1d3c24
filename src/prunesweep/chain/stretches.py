"""Training epochs during which the masks change every few optimizer steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from prunesweep.chain.context import Context
from prunesweep.chain.seeding import derived_seed, drawing_from, generator_of
from prunesweep.chain.state import State
from prunesweep.chain.steps import Record, TrainEpoch
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


Train = Callable[[tuple[Tensor, ...], State, Context, int], tuple[State, float, float]]
"""Trains on batches with a seed; returns the state, the summed loss and the seconds."""

Change = Callable[[State, Context, Stretch], tuple[State, Record]]
"""Changes the masks after a stretch; returns the state, and what the record of the epoch gains."""


def train_in_stretches(
    step: TrainEpoch, every: int, state: State, context: Context, train: Train, change: Change
) -> tuple[State, Record]:
    """Return the state after an epoch whose masks change every `every` optimizer steps, and the record of the epoch.

    The record contains what the last change recorded.
    """
    seed, images = derived_seed(step.seed, "train", step.index), context.data.train
    batches = shuffled(images, step.batch_size, generator_of(seed))
    loss, seconds = 0.0, 0.0
    changed: Record = {}
    for start in range(0, len(batches), every):
        part = batches[start : start + every]
        part_seed = derived_seed(seed, "stretch", start)
        with drawing_from(part_seed, context.device):
            state, part_loss, took = train(part, state, context, part_seed)
        loss, seconds = loss + part_loss, seconds + took
        end = (start + len(part)) / len(batches)
        stretch = Stretch(start / len(batches), end, len(batches), derived_seed(seed, "prune", start))
        state, record = change(state, context, stretch)
        changed.update(record)
    return state, {**step.report(state, context, loss / len(images), seconds), **changed}
