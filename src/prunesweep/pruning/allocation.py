"""How many units each layer loses. A unit is what is pruned as one: a weight, or a channel.

Pure arithmetic on sizes: what cannot be reached is found here, before anything is trained.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prunesweep.errors import UsageError, check_choice

SCOPES = ("global", "layerwise", "erk", "magnitude")


@dataclass(frozen=True)
class Budget:
    """So many of the lowest-ranked units go, ranked together over the parameters `names`."""

    names: tuple[str, ...]
    count: int


@dataclass(frozen=True)
class Units:
    """The selected parameters: name -> shape, and name -> number of units, in the order of the network."""

    shapes: Mapping[str, Sequence[int]]
    units: Mapping[str, int]

    def without(self, names: Sequence[str]) -> Units:
        """All others."""
        rest = [name for name in self.units if name not in names]
        return Units({name: self.shapes[name] for name in rest}, {name: self.units[name] for name in rest})


def budgets(tensors: Units, scope: str, amount: float, per_layer: Mapping[str, float]) -> tuple[Budget, ...]:
    """The quotas under which the fraction `amount` goes, of the layers in `per_layer` their own fraction.

    `global` and `magnitude` rank all units together, `layerwise` takes the same fraction of each tensor, `erk` spares
    the small and the thin ones. Under `magnitude` the caller then splits the one quota by layer.
    """
    own = {name: per_layer[layer_of(name)] for name in tensors.units if layer_of(name) in per_layer}
    rest = tensors.without(list(own))
    each = tuple(Budget((name,), round(fraction * tensors.units[name])) for name, fraction in own.items())
    if not rest.units:
        return each
    if scope == "layerwise":
        return each + tuple(Budget((name,), round(amount * size)) for name, size in rest.units.items())
    total = round(amount * sum(rest.units.values()))
    if scope == "erk":
        return each + tuple(Budget((name,), count) for name, count in erk(rest, total).items())
    return (*each, Budget(tuple(rest.units), total))


def erk(tensors: Units, count: int) -> dict[str, int]:
    """How many units each tensor loses, `count` in all: the kept fraction is proportional to sum(shape) / prod(shape).

    What would have to keep more than it has stays whole. Rounded so that the sum is exact.
    Source: Evci, Gale, Menick, Castro, Elsen, "Rigging the lottery" (2020), section 3.1 (Erdos-Renyi-Kernel).
    """
    raw = {name: sum(shape) / math.prod(shape) for name, shape in tensors.shapes.items()}
    sizes, whole = tensors.units, set[str]()
    keep = sum(sizes.values()) - count
    while True:
        rest = [name for name in sizes if name not in whole]
        weight = sum(raw[name] * sizes[name] for name in rest)
        scale = (keep - sum(sizes[name] for name in whole)) / weight if rest else 0.0
        full = {name for name in rest if scale * raw[name] > 1}
        if not full:
            break
        whole |= full
    kept = {name: sizes[name] if name in whole else scale * raw[name] * sizes[name] for name in sizes}
    counts = {name: sizes[name] - math.floor(kept[name]) for name in sizes}
    # Largest remainders first.
    short = sorted(sizes, key=lambda name: math.floor(kept[name]) - kept[name])[: sum(counts.values()) - count]
    return {name: counts[name] - (name in short) for name in sizes}


def least_kept(floor: float, size: int, structure: str) -> int:
    """How many of `size` units a tensor keeps: `floor` below 1 is a fraction, else a number. Of channels always one."""
    least = math.ceil(floor * size) if floor < 1 else min(int(floor), size)
    return max(least, 1) if structure == "channel" else least


def check_reachable(tensors: Units, asked: Sequence[Budget], floor: float, structure: str) -> None:
    """Raise `UsageError` where a quota takes more than the floors leave; says what can be reached."""
    for budget in asked:
        total = sum(tensors.units[name] for name in budget.names)
        most = total - sum(least_kept(floor, tensors.units[name], structure) for name in budget.names)
        if budget.count > most:
            where = ", ".join(map(layer_of, budget.names))
            why = f"prune.floor={floor:g}" if floor else "one channel a layer has to stay"
            raise UsageError(
                f"{why}: of {where} {budget.count:,} of {total:,} should go, but at most {most:,} can "
                f"(a fraction of {math.floor(1e4 * most / total) / 1e4:g})."
            )


def check_layers(per_layer: Mapping[str, float], names: Sequence[str]) -> None:
    """Raise `UsageError` where `per_layer` names a layer that is not selected."""
    for layer in per_layer:
        check_choice("prune.per_layer", layer, dict.fromkeys(map(layer_of, names)))


def layer_of(parameter: str) -> str:
    """`conv1.weight` -> `conv1`."""
    return parameter.rpartition(".")[0]
