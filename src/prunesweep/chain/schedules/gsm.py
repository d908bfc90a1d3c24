"""Train only the most important weights while the others decay, prune those, fine-tune (Ding et al. 2019)."""

from __future__ import annotations

from dataclasses import replace

from prunesweep.chain.schedules.parts import Parts, Plan
from prunesweep.chain.schedules.settings import GSM
from prunesweep.chain.schedules.writer import Writer
from prunesweep.chain.sparse_momentum import SparseMomentumEpoch
from prunesweep.errors import UsageError
from prunesweep.training.settings import SGD


def gsm(settings: GSM, parts: Parts) -> Plan:
    """Write the chain of a run with global sparse momentum."""
    optimizer = _optimizer(settings, parts)
    if parts.spec.structure != "unstructured":
        raise UsageError("schedule=gsm: ranks single weights. Set prune.structure=unstructured.")
    writer = Writer(parts)
    for _ in range(settings.epochs):
        writer.pruning_epoch(SparseMomentumEpoch, settings.lr_scale, "ramp", optimizer=optimizer)
    return writer.prune_and_finetune()


def _optimizer(settings: GSM, parts: Parts) -> SGD:
    """Return plain momentum SGD with the settings of the schedule."""
    given = parts.optimizer
    if not isinstance(given, SGD):
        raise UsageError(f"optimizer={given.name}: schedule=gsm is a form of SGD with momentum. Set optimizer=sgd.")
    decay = given.weight_decay if settings.weight_decay is None else settings.weight_decay
    if not decay:
        raise UsageError(
            "optimizer.weight_decay=0: with schedule=gsm, weight decay alone moves the weights without gradients. "
            "Set it, or schedule.weight_decay, above 0."
        )
    return replace(given, momentum=settings.momentum, nesterov=False, weight_decay=decay)
