"""Raise sparsity during training, then fine-tune (Zhu & Gupta 2017), with optional regrowth (Guo et al. 2016)."""

from __future__ import annotations

from prunesweep.chain.prune_steps import RampEpoch
from prunesweep.chain.schedules.parts import Parts, Plan
from prunesweep.chain.schedules.settings import Gradual
from prunesweep.chain.schedules.writer import Writer, check_rises
from prunesweep.errors import UsageError


def gradual(settings: Gradual, parts: Parts) -> Plan:
    """Write the chain of a gradual run."""
    check_rises(settings.name, parts.spec)
    if parts.spec.iterations != 1:
        raise UsageError(
            f"prune.iterations={parts.spec.iterations}: schedule=gradual scores once at each update of the masks, "
            "every schedule.every optimizer steps. Set prune.iterations=1."
        )
    if settings.regrow and parts.spec.structure != "unstructured":
        raise UsageError("schedule.regrow=true: only single weights can return. Set prune.structure=unstructured.")
    writer = Writer(parts)
    pruned = writer.dense
    for number in range(settings.epochs):
        pruned = writer.pruning_epoch(
            RampEpoch,
            settings.lr_scale,
            "ramp",
            number=number,
            of=settings.epochs,
            every=settings.every,
            regrow=settings.regrow,
            curve=settings.curve,
        )
    final = writer.finetune(1)
    writer.measure(parts.spec, pruned, final)
    return writer.plan()
