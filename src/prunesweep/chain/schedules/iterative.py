"""Prune and fine-tune in rounds (Han et al. 2015, section 3.4), or with learning-rate rewinding (Renda et al. 2020)."""

from __future__ import annotations

from functools import partial

from prunesweep.chain.schedules.parts import Parts, Plan
from prunesweep.chain.schedules.settings import Iterative
from prunesweep.chain.schedules.writer import Writer, check_rises, check_within_training
from prunesweep.pruning.curves import CURVES
from prunesweep.pruning.spec import Fractions
from prunesweep.training.phases import Phase


def iterative(settings: Iterative, parts: Parts) -> Plan:
    """Write the chain of an iterative run. Each round is a point of the trade-off."""
    check_rises(settings.name, parts.spec)
    phase: Phase = parts.finetune
    skip = 0
    if settings.rewind_lr is not None:
        phase, skip = parts.train, check_within_training("schedule.rewind_lr", settings.rewind_lr, parts)
    curve = CURVES[settings.curve]
    writer = Writer(parts)
    reached = Fractions()
    for number in range(1, settings.rounds + 1):
        target = parts.spec.fractions.map(partial(curve, progress=number / settings.rounds))
        spec = parts.spec.at(target, start=reached)
        pruned = writer.prune(spec)
        final = writer.finetune(number, phase, skip)
        writer.measure(spec, pruned, final)
        reached = target
    return writer.plan()
