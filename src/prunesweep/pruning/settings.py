"""Settings of the groups `layers` and `prune`, as users write them. `spec.py` resolves `prune` for a given network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from prunesweep.errors import MAX_COUNT, UsageError, check_choice, check_range
from prunesweep.pruning.allocation import SCOPES, STRUCTURES
from prunesweep.pruning.criteria import CRITERIA
from prunesweep.pruning.penalties import names as penalties

KINDS = ("conv", "fc", "conv_transpose")
DEFAULT_KINDS = KINDS[:2]
MOMENTS = ("trained", "init")
CLEANUPS = ("none", "final", "rounds")
PROTECTIONS = ("auto", "none", "paths")
MAX_ITERATIONS = 10_000
MAX_OFFSET = 20
DEFAULT_AMOUNT = 0.2
"""The fraction to prune if neither `prune.amount` nor `prune.compression` is given."""


@dataclass
class Layers:
    """The layers to prune: layers of one of `kinds` that match a pattern of `include` and none of `exclude`.

    Attributes:
        include: Shell-style patterns of layer names.
        exclude: Shell-style patterns of layer names.
        kinds: Some of `conv`, `fc` and `conv_transpose`.
        biases: Whether the biases of these layers may be pruned too.
    """

    include: list[str] = field(default_factory=lambda: ["*"])
    exclude: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=lambda: list(DEFAULT_KINDS))
    biases: bool = False

    def __post_init__(self) -> None:
        for kind in self.kinds:
            check_choice("layers.kinds", kind, KINDS)


def _flat(numbers: Mapping[Any, Any], setting: str, allowed: str, prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yield layer -> number. Hydra reads `features.0=0.9` as {features: {0: 0.9}}."""
    for key, value in numbers.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, setting, allowed, f"{name}.")
        elif isinstance(value, bool) or not isinstance(value, int | float):
            raise UsageError(f"{setting}.{name}={value}: must be a number from {allowed}.")
        else:
            yield name, float(value)


@dataclass
class Pruning:
    """What is pruned, by which criterion, and how much.

    Attributes:
        criterion: The score of a weight. The lowest scores are pruned first. `none` prunes nothing.
        scope: How the amount is distributed over layers: `global` ranks all weights together, `layerwise` prunes the
            same fraction of each layer, `output` the same fraction of the weights of each output channel or neuron,
            `erk` keeps more of small layers, `magnitude` prunes as many weights of each layer as global magnitude
            would.
        structure: `unstructured` (single weights), `channel` (output channels and neurons, with their biases), or
            `n_of_m` (of every `m` neighboring inputs, `n` are kept).
        amount: Fraction of the selected weights to prune, in [0, 1]; with `channel`, of the selected channels. 0.2 if
            neither `amount` nor `compression` is given.
        compression: The alternative target: parameters of the whole model, weights and biases, before : after.
        per_layer: Layer -> fraction, for layers that do not follow `amount`. The name of a layer may contain
            dots (`features.0`).
        offsets: Layer -> natural logarithm of the factor by which its kept fraction differs from that of layers without
            an offset, with the scope `layerwise`. The total stays exactly the same.
        floor: What each layer keeps at least: below 1 a fraction, from 1 on a number of weights or channels.
        protect: Whether each layer and each class keeps a path of weights from the image, at the same number of kept
            weights: `paths`, `none`, or `auto`: with every schedule that prunes more than once. Single weights only.
        n: Inputs kept of every `m`, with `n_of_m`.
        m: Inputs of one group, with `n_of_m`.
        cleanup: Whether parameters without an effect are removed after training: `none`, `final` (of the final
            network) or `rounds` (of the network of each round). The function of the network stays the same.
        compact: Whether training after pruning leaves out channels and neurons of which nothing is left. It is faster
            and the same up to rounding. Biases must be pruned, too: `layers.biases=true` or `prune.structure=channel`.
        iterations: Number of passes of scoring and pruning in which one pruning reaches its amount. The kept fraction
            falls geometrically.
        at: The weights that are scored: `trained`, those of the network that is pruned, or `init`, those with which its
            training started, under the masks so far.
        batches: Number of training batches on which criteria compute gradients, drawn once for each pruning.
        batch_size: Images of one such batch.
        target: Import path of the user's own criterion.
        penalty: With `schedule=penalty`, the penalty of the weights: `l1`, `group`, `hoyer` or `hard_concrete`. None
            there: `l1`.
    """

    criterion: str = "l1"
    scope: str = "global"
    structure: str = "unstructured"
    amount: float | None = None
    compression: float | None = None
    per_layer: dict[str, Any] = field(default_factory=dict)
    offsets: dict[str, Any] = field(default_factory=dict)
    floor: float = 0.0
    cleanup: str = "none"
    compact: bool = False
    protect: str = "auto"
    n: int = 2
    m: int = 4
    iterations: int = 1
    at: str = "trained"
    batches: int = 10
    batch_size: int = 128
    target: str | None = None
    penalty: str | None = None

    def __post_init__(self) -> None:
        check_choice("prune.criterion", self.criterion, [*CRITERIA, "none", "custom"])
        check_choice("prune.scope", self.scope, SCOPES)
        check_choice("prune.structure", self.structure, STRUCTURES)
        if self.amount is not None:
            check_range("prune.amount", self.amount, 0, 1)
        if self.compression is not None:
            check_range("prune.compression", self.compression, 1, MAX_COUNT)
        self.per_layer = dict(_flat(self.per_layer, "prune.per_layer", "0 to 1"))
        for layer, fraction in self.per_layer.items():
            check_range(f"prune.per_layer.{layer}", fraction, 0, 1)
        self.offsets = dict(_flat(self.offsets, "prune.offsets", f"-{MAX_OFFSET} to {MAX_OFFSET}"))
        for layer, offset in self.offsets.items():
            check_range(f"prune.offsets.{layer}", offset, -MAX_OFFSET, MAX_OFFSET)
        if self.penalty is not None:
            check_choice("prune.penalty", self.penalty, penalties())
        check_range("prune.floor", self.floor, 0, MAX_COUNT)
        check_choice("prune.cleanup", self.cleanup, CLEANUPS)
        check_choice("prune.protect", self.protect, PROTECTIONS)
        check_range("prune.n", self.n, 1, MAX_COUNT)
        check_range("prune.m", self.m, self.n, MAX_COUNT)
        check_range("prune.iterations", self.iterations, 1, MAX_ITERATIONS)
        check_choice("prune.at", self.at, MOMENTS)
        for key in ("batches", "batch_size"):
            check_range(f"prune.{key}", getattr(self, key), 1, MAX_COUNT)
        self._check_combinations()

    @property
    def has_default_amount(self) -> bool:
        """Whether `DEFAULT_AMOUNT` is pruned."""
        targets = (self.amount, self.compression)
        return targets == (None, None) and self.criterion != "none" and self.structure != "n_of_m"

    def _check_combinations(self) -> None:
        if self.amount is not None and self.compression is not None:
            raise UsageError(
                f"prune.amount={self.amount:g} prune.compression={self.compression:g}: both set the target. "
                "Exactly one may be given; the other must be null."
            )
        if self.structure == "n_of_m":
            self._check_n_of_m()
        self._check_offsets()
        self._check_scores()
        if self.structure == "channel" and self.compression is not None:
            raise UsageError(
                f"prune.compression={self.compression:g}: the parameters of a channel depend on which channels are "
                "pruned. With prune.structure=channel, set prune.amount, the fraction of channels."
            )
        if (self.criterion == "custom") != bool(self.target):
            raise UsageError(
                f"prune.target={self.target}: prune=custom needs the import path of a criterion, "
                "prune.target=my_package.score, and other criteria do not accept one."
            )

    def _check_scores(self) -> None:
        criterion = CRITERIA.get(self.criterion)
        if self.at == "init" and criterion and (criterion.needs_initial or criterion.needs_movement):
            raise UsageError(
                f"prune.at=init: prune.criterion={self.criterion} compares with the initial weights, or sums over the "
                "training. Set prune.at=trained."
            )
        if self.scope == "output" and self.structure != "unstructured":
            raise UsageError(
                f"prune.scope=output: ranks the single weights of each output. prune.structure={self.structure} prunes "
                "larger units. Set prune.structure=unstructured, or another scope such as prune.scope=global."
            )

    def _check_offsets(self) -> None:
        for layer, offset in self.offsets.items():
            if self.scope != "layerwise":
                raise UsageError(
                    f"prune.offsets.{layer}={offset:g}: changes the equal fractions of prune.scope=layerwise, and the "
                    f"scope is {self.scope}. Set prune.scope=layerwise."
                )
            if layer in self.per_layer:
                raise UsageError(
                    f"prune.offsets.{layer}={offset:g} prune.per_layer.{layer}={self.per_layer[layer]:g}: both set "
                    "what the layer keeps. Remove one of them."
                )

    def _check_n_of_m(self) -> None:
        amount = 1 - self.n / self.m
        unused = {
            "amount": None if self.amount == amount else self.amount,
            "compression": self.compression,
            "per_layer": self.per_layer or None,
            "offsets": self.offsets or None,
            "scope": None if self.scope == "global" else self.scope,
            "floor": self.floor or None,
            "iterations": None if self.iterations == 1 else self.iterations,
        }
        given = [f"prune.{key}={value}" for key, value in unused.items() if value is not None]
        if given:
            raise UsageError(
                f"{given[0]}: prune.structure=n_of_m prunes every group alike in one pass. Its amount, {amount:g}, "
                f"follows from prune.n={self.n} and prune.m={self.m}. Remove this setting."
            )
