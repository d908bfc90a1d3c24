"""Lottery tickets: prune in rounds and rewind the weights after each (Frankle & Carbin 2019)."""

from __future__ import annotations

from dataclasses import replace

from prunesweep.chain.schedules.settings import Lottery
from prunesweep.chain.schedules.writer import Parts, Plan, Writer, check_rises, check_within_training
from prunesweep.chain.steps import Reinitialize, Rewind
from prunesweep.models.tensors import layer_of
from prunesweep.pruning.curves import geometric
from prunesweep.pruning.spec import Fractions, PruneSpec


def lottery(settings: Lottery, parts: Parts) -> Plan:
    """Write the chain of a lottery run. Each round is a point of the trade-off.

    Each round trains for the epochs that the dense training had from `rewind_to` on, with their learning rates.
    """
    check_rises(settings.name, parts.spec)
    skip = check_within_training("schedule.rewind_to", settings.rewind_to, parts)
    writer = Writer(parts)
    reached = Fractions()
    specs = []
    for number in range(1, settings.rounds + 1):
        target = _target(settings, parts, number)
        spec = parts.spec.at(target, start=reached)
        pruned = writer.prune(spec)
        writer.add(Rewind(settings.rewind_to))
        final = writer.train(parts.train, "ticket", number, skip)
        asked = parts.spec.at(_asked(settings, parts, number))
        writer.measure(asked, pruned, final)
        specs.append(asked)
        reached = target
    if settings.control == "reinit":
        _measure_controls(writer, specs)
    return writer.plan()


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
