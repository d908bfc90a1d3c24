"""Train with a penalty whose strength rises until the target is met, prune to it exactly, fine-tune."""

from __future__ import annotations

from prunesweep.chain.gate_epoch import GateEpoch
from prunesweep.chain.penalty_epoch import PenaltyEpoch
from prunesweep.chain.schedules.parts import Parts, Plan
from prunesweep.chain.schedules.settings import Penalty
from prunesweep.chain.schedules.writer import Writer
from prunesweep.errors import UsageError
from prunesweep.pruning.penalties import GATES, default_strength


def penalty(settings: Penalty, parts: Parts) -> Plan:
    """Write the chain of a run with a penalty."""
    name = parts.penalty or "l1"
    if name == GATES and parts.spec.structure != "unstructured":
        raise UsageError(f"prune.penalty={GATES}: each weight has a gate. Set prune.structure=unstructured.")
    if parts.spec.iterations != 1:
        raise UsageError(
            f"prune.iterations={parts.spec.iterations}: schedule=penalty scores once after each epoch. "
            "Set prune.iterations=1."
        )
    writer = Writer(parts)
    start = default_strength(name) if settings.strength is None else settings.strength
    for number in range(settings.epochs):
        writer.pruning_epoch(
            GateEpoch if name == GATES else PenaltyEpoch,
            settings.lr_scale,
            "ramp",
            penalty=name,
            strength=start * settings.growth**number,
            tolerance=settings.tolerance,
        )
    return writer.prune_and_finetune()
