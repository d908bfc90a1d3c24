"""Which weights may be pruned: layers by name (shell-style globs) and by kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prunesweep.errors import UsageError, check_choice

if TYPE_CHECKING:
    pass
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from prunesweep.code.locate import source_of
from prunesweep.errors import check_range
from prunesweep.pruning import allocation, structure
from prunesweep.pruning.allocation import Budget, Units
from prunesweep.pruning.criteria import CRITERIA

if TYPE_CHECKING:
    pass

KINDS = ("conv", "fc")


@dataclass
class Layers:
    """The layers to prune: those that match a pattern of `include` and none of `exclude`, of one of `kinds`.

    `biases` selects their biases too; they are few, and hardly ever worth it.
    """

    include: list[str] = field(default_factory=lambda: ["*"])
    exclude: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=lambda: list(KINDS))
    biases: bool = False

    def __post_init__(self) -> None:
        for kind in self.kinds:
            check_choice("layers.kinds", kind, KINDS)


@dataclass
class Pruning:
    """What is pruned, by what measure, and how far.

    Attributes:
        criterion: the importance of a weight; the least important go first. `none` prunes nothing: the dense control.
        scope: how the pruned weights fall to the layers: `global` ranks all together, `layerwise` takes the same
            fraction of each, `erk` spares small and thin ones, `magnitude` takes from each what global |w| would.
        structure: `unstructured` (single weights), `channel` (output channels and neurons, with their biases), or
            `n_of_m` (of every `m` neighbouring inputs `n` are kept).
        amount: fraction of the selected weights that is pruned in the end, in [0, 1], under `channel` of the selected
            channels; 0.2 where neither this nor `compression` is given.
        compression: the other way to say it: parameters of the whole model, weights and biases, before : after.
        per_layer: layer -> fraction, for layers that are not to follow `amount`.
        floor: what each layer keeps at least: below 1 a fraction, from 1 on a number of weights or channels.
        n: how many of every `m` are kept.
        m: how many inputs make a group.
        iterations: in how many rounds of scoring and pruning, the kept fraction falling geometrically, the amount is
            reached.
        batches: how many training batches the gradients are taken on, drawn once a pruning.
        batch_size: their size.
        target: the import path of a criterion of the user's own.
    """

    criterion: str = "l1"
    scope: str = "global"
    structure: str = "unstructured"
    amount: float | None = None
    compression: float | None = None
    per_layer: dict[str, float] = field(default_factory=dict)
    floor: float = 0.0
    n: int = 2
    m: int = 4
    iterations: int = 1
    batches: int = 10
    batch_size: int = 128
    target: str | None = None

    def __post_init__(self) -> None:
        check_choice("prune.criterion", self.criterion, [*CRITERIA, "none", "custom"])
        check_choice("prune.scope", self.scope, allocation.SCOPES)
        check_choice("prune.structure", self.structure, structure.STRUCTURES)
        if self.amount is not None:
            check_range("prune.amount", self.amount, 0, 1)
        if self.compression is not None:
            check_range("prune.compression", self.compression, 1)
        for layer, fraction in self.per_layer.items():
            check_range(f"prune.per_layer.{layer}", fraction, 0, 1)
        check_range("prune.floor", self.floor, 0)
        check_range("prune.n", self.n, 1)
        check_range("prune.m", self.m, self.n)
        for key in ("iterations", "batches", "batch_size"):
            check_range(f"prune.{key}", getattr(self, key), 1)
        self._check_targets()

    def _check_targets(self) -> None:
        if self.amount is not None and self.compression is not None:
            raise UsageError(
                f"prune.amount={self.amount:g} prune.compression={self.compression:g}: two ways to say the target, "
                "exactly one may be given. The other must be null."
            )
        own = 1 - self.n / self.m
        said = {"amount": self.amount, "compression": self.compression, "per_layer": self.per_layer or None}
        given = [f"prune.{key}={value}" for key, value in said.items() if value not in (None, own)]
        if self.structure == "n_of_m" and given:
            raise UsageError(
                f"{given[0]}: prune.structure=n_of_m takes its amount, {own:g}, from prune.n={self.n} and "
                f"prune.m={self.m}."
            )
        if self.structure == "n_of_m" and (self.scope != "global" or self.floor):
            raise UsageError(
                "prune.structure=n_of_m: prunes every group alike, so prune.scope and prune.floor must go."
            )
        if self.structure == "channel" and self.compression is not None:
            raise UsageError(
                f"prune.compression={self.compression:g}: what a channel takes along depends on which one goes. "
                "With prune.structure=channel give prune.amount, the fraction of channels."
            )
        if (self.criterion == "custom") != bool(self.target):
            raise UsageError(
                f"prune.target={self.target}: prune=custom needs the import path of a criterion, "
                "prune.target=my_package.score, and no other criterion takes one."
            )

    def source(self) -> str:
        """The source text of the user's own criterion: part of what its results depend on."""
        return source_of("prune.target", self.target) if self.target else ""

    def fraction(self) -> float:
        """`amount`, once `resolved` has settled it."""
        assert self.amount is not None
        return self.amount

    def at(self, part: Callable[[float], float]) -> Pruning:
        """The same up to `part` of each fraction: `amount` and those of `per_layer`."""
        own = {layer: part(fraction) for layer, fraction in self.per_layer.items()}
        return replace(self, amount=part(self.fraction()), per_layer=own)

    def tensors(self, shapes: Mapping[str, Sequence[int]]) -> Units:
        """The selected parameters and their units."""
        sizes = structure.units(self.structure, shapes)
        return Units({name: shapes[name] for name in sizes}, sizes)

    def budgets(self, shapes: Mapping[str, Sequence[int]]) -> tuple[Budget, ...]:
        """How many units go, and from where."""
        return allocation.budgets(self.tensors(shapes), self.scope, self.fraction(), self.per_layer)

    def requested(self, shapes: Mapping[str, Sequence[int]]) -> float:
        """The fraction of all selected units that is asked for."""
        if not self.per_layer:
            return self.fraction()
        return sum(budget.count for budget in self.budgets(shapes)) / sum(self.tensors(shapes).units.values())
