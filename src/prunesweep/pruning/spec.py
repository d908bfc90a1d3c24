"""Resolve the `prune` settings for a given network into the frozen specification that a pruning step executes.

Only the specification is part of a digest. It holds what affects the masks and nothing else: settings that the chosen
criterion or structure does not use are dropped, and a field at its default is left out of the digest. A new field with
a neutral default therefore keeps the digests of existing runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from prunesweep.code.hashing import user_code_hash
from prunesweep.errors import UsageError
from prunesweep.models.tensors import layer_of
from prunesweep.pruning.allocation import (
    Budget,
    Shapes,
    Units,
    budgets,
    check_groups,
    check_layers,
    check_reachable,
    least_kept,
)
from prunesweep.pruning.criteria import find
from prunesweep.pruning.settings import DEFAULT_AMOUNT, Pruning


@dataclass(frozen=True)
class Fractions:
    """The pruned fraction of the selected units, and the fractions of layers that do not follow it."""

    amount: float = 0.0
    per_layer: Mapping[str, float] = field(default_factory=dict)

    def map(self, change: Callable[[float], float]) -> Fractions:
        """Apply `change` to every fraction."""
        return Fractions(change(self.amount), {layer: change(fraction) for layer, fraction in self.per_layer.items()})

    def towards(self, final: Fractions, progress: float) -> Fractions:
        """Return the fractions after `progress` in [0, 1] on the way to `final`: kept fractions fall geometrically."""
        return Fractions(
            _between(self.amount, final.amount, progress),
            {
                layer: _between(self.per_layer.get(layer, 0.0), fraction, progress)
                for layer, fraction in final.per_layer.items()
            },
        )


def _between(start: float, final: float, progress: float) -> float:
    if progress == 1 or start >= 1:
        return final
    return 1 - (1 - start) * float(((1 - final) / (1 - start)) ** progress)


@dataclass(frozen=True)
class PruneSpec:
    """A resolved pruning.

    Attributes:
        criterion: Name of the criterion, `none` or `custom`.
        fractions: The target.
        start: What earlier prunings reached. Passes begin there.
        scope, structure, floor, iterations: As in `Pruning`.
        group: With `n_of_m`, (n, m).
        scored: The setting `at` of `Pruning`.
        offsets: As in `Pruning`, without those that are 0, in the order of the network.
        sample: With a criterion that needs data, (number of batches, images of one batch).
        target: Import path of the user's own criterion.
        code: Hash of the code of the user's own criterion.
        protect: Whether each layer and each class keeps a path.
    """

    criterion: str
    fractions: Fractions
    start: Fractions = Fractions()
    scope: str = "global"
    structure: str = "unstructured"
    floor: float = 0.0
    iterations: int = 1
    group: tuple[int, int] | None = None
    scored: str = "trained"
    offsets: tuple[tuple[str, float], ...] = ()
    sample: tuple[int, int] | None = None
    target: str | None = None
    code: str | None = None
    protect: bool = False

    def describe(self) -> dict[str, Any]:
        """Return everything the masks depend on as plain values, without fields at their defaults."""
        used = self if self.iterations > 1 else replace(self, start=Fractions())
        plain = asdict(used)
        defaults = {each.name: each.default for each in fields(self)}
        return {name: plain[name] for name in plain if getattr(used, name) != defaults[name]}

    def at(self, fractions: Fractions, start: Fractions | None = None) -> PruneSpec:
        """Return the same pruning with another target."""
        return replace(self, fractions=fractions, start=start or Fractions())

    def passes(self) -> tuple[PruneSpec, ...]:
        """Return one single-pass pruning for each iteration; the last one reaches the target."""
        return tuple(
            replace(
                self,
                fractions=self.start.towards(self.fractions, number / self.iterations),
                start=Fractions(),
                iterations=1,
            )
            for number in range(1, self.iterations + 1)
        )

    def budgets(self, shapes: Shapes) -> tuple[Budget, ...]:
        """Return how many units are pruned, and from which parameters."""
        units = Units.of(self.structure, shapes)
        least = {name: least_kept(self.floor, count, self.structure) for name, count in units.counts.items()}
        fractions = self.fractions
        return budgets(units, self.scope, fractions.amount, fractions.per_layer, dict(self.offsets), least)

    def requested(self, shapes: Shapes) -> float:
        """Return the requested fraction of all selected units."""
        if not self.fractions.per_layer:
            return self.fractions.amount
        return sum(budget.count for budget in self.budgets(shapes)) / Units.of(self.structure, shapes).total

    def __str__(self) -> str:
        scope = "" if self.structure == "n_of_m" else f", {self.scope}"
        return f"{self.fractions.amount:g} by {self.criterion}{scope}"


def resolve(settings: Pruning, shapes: Shapes, params_total: int, *, repeated: bool = False) -> PruneSpec:
    """Return the specification of `settings` for the selected parameters of a network with `params_total` parameters.

    Equivalent settings give equal specifications. `repeated`: whether the schedule prunes more than once.

    Raises:
        UsageError: The target cannot be reached. The message says what can be reached.
    """
    if settings.criterion == "none":
        return PruneSpec(
            "none", Fractions(), structure="channel" if settings.structure == "channel" else "unstructured"
        )
    needs_data = find(settings.criterion, settings.target).needs_data
    spec = PruneSpec(
        settings.criterion,
        Fractions(),
        structure=settings.structure,
        scored=settings.at,
        sample=(settings.batches, settings.batch_size) if needs_data else None,
        target=settings.target,
        code=user_code_hash("prune.target", settings.target) if settings.target else None,
    )
    if settings.structure == "n_of_m":
        check_groups(shapes, settings.m)
        return replace(spec, fractions=Fractions(1 - settings.n / settings.m), group=(settings.n, settings.m))
    check_layers(settings.per_layer, list(shapes))
    check_layers(settings.offsets, list(shapes), "prune.offsets")
    layers = dict.fromkeys(map(layer_of, shapes))
    spec = replace(
        spec,
        fractions=Fractions(_amount(settings, shapes, params_total), dict(settings.per_layer)),
        scope=settings.scope,
        floor=settings.floor,
        iterations=settings.iterations,
        protect=settings.structure == "unstructured"
        and settings.protect in (("auto", "paths") if repeated else ("paths",)),
        offsets=tuple((layer, settings.offsets[layer]) for layer in layers if settings.offsets.get(layer)),
    )
    check_reachable(Units.of(spec.structure, shapes), spec.budgets(shapes), spec.floor, spec.structure)
    return spec


def _amount(settings: Pruning, shapes: Shapes, params_total: int) -> float:
    if settings.compression is None:
        return DEFAULT_AMOUNT if settings.amount is None else settings.amount
    return _amount_of(settings.compression, settings, shapes, params_total)


def _amount_of(compression: float, settings: Pruning, shapes: Shapes, params_total: int) -> float:
    """Return the fraction of the units without a fraction of their own for which the model shrinks as requested."""
    sizes = Units.of(settings.structure, shapes).counts
    fractions = {name: settings.per_layer.get(layer_of(name)) for name in sizes}
    fixed = sum(round(fraction * sizes[name]) for name, fraction in fractions.items() if fraction is not None)
    free = sum(sizes[name] for name, fraction in fractions.items() if fraction is None)
    count = round(params_total - params_total / compression) - fixed
    if not 0 <= count <= free:
        least, most = (params_total / max(params_total - fixed - part, 1) for part in (0, free))
        raise UsageError(
            f"prune.compression={compression:g}: with {sum(sizes.values()):,} of {params_total:,} parameters selected, "
            f"compressions from {least:.4g} to {most:.4g} can be reached."
        )
    return count / free if free else 0.0
