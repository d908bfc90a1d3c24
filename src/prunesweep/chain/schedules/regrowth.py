"""Schedules in which pruned weights return: RigL, SET and dynamic network surgery."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prunesweep.chain.regrow_steps import RegrowEpoch, SurgeryEpoch
from prunesweep.chain.schedules.parts import Parts, Plan
from prunesweep.chain.schedules.settings import Regrowth, RigL, SparseEvolution, Surgery
from prunesweep.chain.schedules.writer import Writer, check_rises
from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.errors import UsageError


def rigl(settings: RigL, parts: Parts) -> Plan:
    """Write the chain of a run with RigL."""

    def epoch(**fields: Any) -> TrainEpoch:
        return RegrowEpoch(**fields, fraction=settings.fraction, batches=settings.batches)

    return _plan(settings, parts, epoch, prune_first=settings.rise == 0)


def sparse_evolution(settings: SparseEvolution, parts: Parts) -> Plan:
    """Write the chain of a run with SET."""

    def epoch(**fields: Any) -> TrainEpoch:
        return RegrowEpoch(**fields, fraction=settings.fraction, batches=None)

    return _plan(settings, parts, epoch, prune_first=settings.rise == 0)


def surgery(settings: Surgery, parts: Parts) -> Plan:
    """Write the chain of a run with dynamic network surgery."""
    if parts.spec.criterion not in ("l1", "none"):
        raise UsageError(
            f"prune.criterion={parts.spec.criterion}: schedule=surgery prunes and restores by magnitude. Set prune=l1."
        )

    def epoch(**fields: Any) -> TrainEpoch:
        return SurgeryEpoch(**fields, gamma=settings.gamma)

    return _plan(settings, parts, epoch, prune_first=False)


def _plan(settings: Regrowth, parts: Parts, epoch: Callable[..., TrainEpoch], *, prune_first: bool) -> Plan:
    """Write a chain with epochs in which the masks change, which follow the dense training."""
    check_rises(settings.name, parts.spec)
    if parts.spec.structure != "unstructured":
        raise UsageError(
            f"prune.structure={parts.spec.structure}: with schedule={settings.name}, only single weights can return. "
            "Set prune.structure=unstructured."
        )
    if parts.spec.iterations != 1 and not prune_first:
        raise UsageError(
            f"prune.iterations={parts.spec.iterations}: schedule={settings.name} scores once at each change of the "
            "masks, every schedule.every optimizer steps. Set prune.iterations=1."
        )
    writer = Writer(parts)
    if prune_first:
        writer.prune(parts.spec)
    pruned = writer.dense
    for number in range(settings.epochs):
        pruned = writer.pruning_epoch(
            epoch,
            settings.lr_scale,
            "regrow",
            number=number,
            of=settings.epochs,
            every=settings.every,
            rise=settings.rise,
        )
    final = writer.finetune(1)
    writer.measure(parts.spec, pruned, final)
    return writer.plan()
