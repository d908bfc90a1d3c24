"""How many units each layer loses. A unit is pruned as a whole: a single weight, or an output channel.

Pure arithmetic on sizes, so that targets that cannot be reached are reported before anything is trained.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prunesweep.errors import UsageError, check_choice
from prunesweep.models.tensors import layer_of
from prunesweep.pruning.densities import by_density

SCOPES = ("global", "layerwise", "output", "erk", "magnitude")
STRUCTURES = ("unstructured", "channel", "n_of_m")

Shapes = Mapping[str, Sequence[int]]
"""Name of a selected parameter (`conv1.weight`) -> its shape, in the order of the network."""


@dataclass(frozen=True)
class Budget:
    """The number of lowest-ranked units to prune, ranked together over the parameters `names`."""

    names: tuple[str, ...]
    count: int


@dataclass(frozen=True)
class Units:
    """The parameters whose units are ranked: name -> shape, and name -> number of units."""

    shapes: Shapes
    counts: Mapping[str, int]

    @classmethod
    def of(cls, structure: str, shapes: Shapes) -> Units:
        """Count the units of `shapes`. The bias of a channel goes with the channel and has no unit of its own."""
        if structure == "channel":
            counts = {name: shape[0] for name, shape in shapes.items() if len(shape) > 1}
        else:
            counts = {name: math.prod(shape) for name, shape in shapes.items()}
        return cls({name: shapes[name] for name in counts}, counts)

    @property
    def total(self) -> int:
        """The number of all units."""
        return sum(self.counts.values())

    def without(self, names: Sequence[str]) -> Units:
        """Return all parameters except `names`."""
        rest = [name for name in self.counts if name not in names]
        return Units({name: self.shapes[name] for name in rest}, {name: self.counts[name] for name in rest})


def budgets(
    units: Units,
    scope: str,
    amount: float,
    per_layer: Mapping[str, float],
    offsets: Mapping[str, float] | None = None,
    least: Mapping[str, int] | None = None,
) -> tuple[Budget, ...]:
    """Return the budgets that prune the fraction `amount`, and of the layers in `per_layer` their own fraction.

    With the scope `magnitude`, the caller splits the single budget by layer afterwards. With `output`, the caller ranks
    the weights of each output separately.

    Args:
        units: The parameters whose units are ranked.
        scope: How the amount is distributed over the parameters.
        amount: The fraction to prune of all layers that are not in `per_layer`.
        per_layer: Layer -> its own fraction.
        offsets: Layer -> logarithm of the factor by which its kept fraction differs from that of layers without one.
        least: With `offsets`, the number of units that each parameter keeps at least.
    """
    separate = {name: per_layer[layer_of(name)] for name in units.counts if layer_of(name) in per_layer}
    rest = units.without(list(separate))
    result = tuple(Budget((name,), round(fraction * units.counts[name])) for name, fraction in separate.items())
    if not rest.counts:
        return result
    total = round(amount * rest.total)
    if offsets:
        densities = {name: math.exp(offsets.get(layer_of(name), 0.0)) for name in rest.counts}
        floors = {name: (least or {}).get(name, 0) for name in rest.counts}
        return result + tuple(
            Budget((name,), n) for name, n in by_density(rest.counts, total, densities, floors).items()
        )
    if scope in ("layerwise", "output"):
        return result + tuple(Budget((name,), round(amount * count)) for name, count in rest.counts.items())
    if scope == "erk":
        return result + tuple(Budget((name,), count) for name, count in erk(rest, total).items())
    return (*result, Budget(tuple(rest.counts), total))


def erk(units: Units, count: int) -> dict[str, int]:
    """Return how many units each parameter loses, `count` in total, if its density is proportional to sum / product.

    The kept fraction is proportional to sum(shape) / prod(shape), and at most 1.
    Source: Evci, Gale, Menick, Castro, Elsen, "Rigging the lottery" (2020), section 3.1 (Erdos-Renyi-Kernel).
    """
    densities = {name: sum(shape) / math.prod(shape) for name, shape in units.shapes.items()}
    return by_density(units.counts, count, densities, dict.fromkeys(densities, 0))


def least_kept(floor: float, count: int, structure: str) -> int:
    """Return how many of `count` units a parameter must keep: `floor` below 1 is a fraction, otherwise a number.

    A layer always keeps at least one channel.
    """
    least = math.ceil(floor * count) if floor < 1 else min(int(floor), count)
    return max(least, 1) if structure == "channel" else least


def check_reachable(units: Units, requested: Sequence[Budget], floor: float, structure: str) -> None:
    """Raise `UsageError` if a budget exceeds what the floors allow; the message names the maximum."""
    for budget in requested:
        total = sum(units.counts[name] for name in budget.names)
        most = total - sum(least_kept(floor, units.counts[name], structure) for name in budget.names)
        if budget.count > most:
            layers = ", ".join(dict.fromkeys(map(layer_of, budget.names)))
            reason = f"prune.floor={floor:g}" if floor else "each layer keeps at least one channel"
            raise UsageError(
                f"{reason}: {budget.count:,} of {total:,} units of {layers} should be pruned, but at most {most:,} can "
                f"be (a fraction of {math.floor(1e4 * most / total) / 1e4:g})."
            )


def check_layers(per_layer: Mapping[str, float], names: Sequence[str], key: str = "prune.per_layer") -> None:
    """Raise `UsageError` if `per_layer`, the value of `key`, names a layer that is not selected."""
    for layer in per_layer:
        check_choice(key, layer, dict.fromkeys(map(layer_of, names)))


def check_groups(shapes: Shapes, size: int) -> None:
    """Raise `UsageError` if groups of `size` inputs do not divide a layer's inputs; the message names the layers."""
    inputs = {layer_of(name): math.prod(shape[1:]) for name, shape in shapes.items()}
    indivisible = {layer: count for layer, count in inputs.items() if count % size}
    if indivisible:
        listed = ", ".join(f"{layer} ({count})" for layer, count in indivisible.items())
        raise UsageError(
            f"prune.m={size}: must divide the number of inputs of each selected layer. It does not divide {listed}. "
            f"Exclude these layers: 'layers.exclude=[{','.join(indivisible)}]'."
        )
