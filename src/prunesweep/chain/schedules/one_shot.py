"""Train, prune once, fine-tune (Han et al. 2015, without their iterations)."""

from __future__ import annotations

from prunesweep.chain.schedules.settings import OneShot
from prunesweep.chain.schedules.writer import Parts, Plan, Writer


def one_shot(settings: OneShot, parts: Parts) -> Plan:  # noqa: ARG001
    """Write the chain of a one-shot run."""
    writer = Writer(parts)
    pruned = writer.prune(parts.spec)
    final = writer.train(parts.finetune, "finetune", 1)
    writer.measure(parts.spec, pruned, final)
    return writer.plan()
