"""Lottery tickets: prune in rounds and rewind the weights after each (Frankle & Carbin 2019)."""

from __future__ import annotations

import math
from dataclasses import replace

from prunesweep.chain.rewind_within import RewindWithin
from prunesweep.chain.schedules.parts import Parts, Plan
from prunesweep.chain.schedules.settings import Lottery
from prunesweep.chain.schedules.writer import Writer, check_rises, check_within_training
from prunesweep.chain.steps import Reinitialize, Rewind, Step
from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.errors import UsageError, check_range
from prunesweep.models.tensors import layer_of
from prunesweep.pruning.curves import geometric
from prunesweep.pruning.spec import Fractions, PruneSpec
from prunesweep.training.phases import FineTune


def lottery(settings: Lottery, parts: Parts) -> Plan:
    """Write the chain of a lottery run. Each round is a point of the trade-off.

    Each round trains for what the dense training had from the rewinding point on, with its learning rates.
    """
    check_rises(settings.name, parts.spec)
    _check_finetuning(parts.finetune)
    skip, within = _rewinding_point(settings, parts)
    writer = Writer(parts)
    reached = Fractions()
    specs = []
    for number in range(1, settings.rounds + 1):
        target = _target(settings, parts, number)
        spec = parts.spec.at(target, start=reached)
        pruned = writer.prune(spec)
        writer.add(_rewind(writer, skip, within))
        final = writer.train(parts.train, "ticket", number, skip, within)
        asked = parts.spec.at(_asked(settings, parts, number))
        writer.measure(asked, pruned, final)
        specs.append(asked)
        reached = target
    if settings.control == "reinit":
        _measure_controls(writer, specs)
    return writer.plan()


def _check_finetuning(settings: FineTune) -> None:
    for key in ("distill", "average", "best", "weight_decay"):
        value = getattr(settings, key)
        if value != getattr(FineTune(), key):
            raise UsageError(
                f"finetune.{key}={str(value).lower()}: schedule=lottery trains its tickets like the dense network and "
                "does not fine-tune. Remove this setting."
            )


def _rewinding_point(settings: Lottery, parts: Parts) -> tuple[int, int]:
    """Return the complete epochs of the dense training before the point, and the optimizer steps after them."""
    if settings.rewind_steps is None:
        return check_within_training("schedule.rewind_to", settings.rewind_to, parts), 0
    in_epoch = math.ceil(parts.examples / parts.train.batch_size)
    check_range("schedule.rewind_steps", settings.rewind_steps, 0, in_epoch * parts.train.length)
    return divmod(settings.rewind_steps, in_epoch)


def _rewind(writer: Writer, epochs: int, within: int) -> Step:
    """Return the step that rewinds to the dense network after `epochs` epochs and `within` optimizer steps."""
    following = writer.steps[epochs + 1]
    if within and isinstance(following, TrainEpoch):
        return RewindWithin(epochs, replace(following, part=(0, within)))
    return Rewind(epochs)


def _asked(settings: Lottery, parts: Parts, number: int) -> Fractions:
    """Return what the settings ask for after round `number`."""
    return parts.spec.fractions.map(lambda final: geometric(final, number / settings.rounds))


def _target(settings: Lottery, parts: Parts, number: int) -> Fractions:
    """Return what round `number` reaches: with `half_output`, the output layer is pruned at half of the rate."""
    target = _asked(settings, parts, number)
    selected = parts.output in map(layer_of, parts.layers)
    if not (settings.half_output and selected) or parts.output in target.per_layer:
        return target
    rate = geometric(parts.spec.fractions.amount, 1 / settings.rounds)
    return replace(target, per_layer={**target.per_layer, parts.output: 1 - (1 - rate / 2) ** number})


def _measure_controls(writer: Writer, specs: list[PruneSpec]) -> None:
    """Measure networks with new random weights under the masks of each round instead of the tickets.

    Their steps follow all steps of the tickets, so that both runs share those.
    """
    tickets, writer.points = writer.points, []
    for number, (ticket, spec) in enumerate(zip(tickets, specs, strict=True)):
        pruned = writer.add(Rewind(ticket.pruned, masks=True))
        writer.add(Reinitialize(number, writer.parts.seed))
        final = writer.train(writer.parts.train, "control", number + 1)
        writer.measure(spec, pruned, final)
