"""Compute the steps that several runs share, before these runs are executed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from prunesweep.chain.environment import digests
from prunesweep.chain.execution import Execution
from prunesweep.chain.steps import Record, Step
from prunesweep.chain.tasks import Part
from prunesweep.config import RunConfig
from prunesweep.experiment.planning import plan_run
from prunesweep.experiment.progress import report_step
from prunesweep.store.costs import add_costs
from prunesweep.store.eviction import keep_within
from prunesweep.store.store import open_store


@dataclass(frozen=True)
class Shared:
    """Steps that several runs share, and the measurements of the states after them.

    Attributes:
        config: The settings of one of the runs.
        part: The positions of the steps.
        patient: Whether to wait for another process that is computing them.
    """

    config: RunConfig
    part: Part
    patient: bool = False


class Busy(Exception):
    """Another process is computing the step that would be computed next."""


def check_not_busy(config: RunConfig, last: int | None = None) -> None:
    """Check that the first missing step of a run is not being computed by another process.

    Args:
        config: The settings of the run.
        last: The position of the last step that is needed, by default the last one of the run.

    Raises:
        Busy: It is.
        UsageError: The settings do not fit each other, the data or the machine.
    """
    planning = plan_run(config)
    after = digests(planning.root, planning.plan.chain)[: None if last is None else last + 1]
    store = open_store(config.store)
    stored = next((position for position in reversed(range(len(after))) if store.holds(after[position])), -1)
    if stored + 1 < len(after) and store.is_locked(after[stored + 1]):
        raise Busy


class _NotStored(Exception):
    """A step was computed and could not be stored, so the other runs cannot use it."""


def compute(shared: Shared) -> None:
    """Store the states and the measurements of `shared`. Stops if the store cannot be written to.

    Raises:
        Busy: Another process is computing the steps, and `shared` is not patient.
        UsageError: The settings do not fit each other, the data or the machine.
        Diverged: The training loss is not a finite number.
    """
    if not shared.patient:
        check_not_busy(shared.config, shared.part.last)
    planning = plan_run(shared.config)
    store, part = open_store(shared.config.store), shared.part

    def on_step(position: int, step: Step, record: Record) -> None:
        report_step(position, step, record)
        if not store.writable:
            raise _NotStored

    execution = Execution(planning.plan.chain, planning.context, planning.root, store, on_step)
    observations = planning.observations()
    with suppress(_NotStored), store.in_use(execution.entries(*dict.fromkeys(each for _, each in observations))):
        for position, observation in observations:
            if part.first <= position <= part.last:
                execution.observe(position, observation)
        execution.state(part.last)
    keep_within(store, shared.config.store.max_bytes, 0, execution.computed)
    add_costs(store, execution.meter.spent)
