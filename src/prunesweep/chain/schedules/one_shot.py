"""Train, prune once, fine-tune (Han et al. 2015, without their iterations)."""

from __future__ import annotations

from prunesweep.chain.schedules.parts import Parts, Plan
from prunesweep.chain.schedules.settings import OneShot
from prunesweep.chain.schedules.writer import Writer


def one_shot(settings: OneShot, parts: Parts) -> Plan:  # noqa: ARG001
    """Write the chain of a one-shot run."""
    return Writer(parts).prune_and_finetune()
