"""What a schedule composes a chain from, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass, field

from prunesweep.chain.steps import Init, Step
from prunesweep.pruning.allocation import Shapes
from prunesweep.pruning.criteria import find
from prunesweep.pruning.spec import PruneSpec
from prunesweep.quantization.settings import NoQuantization, Quantize
from prunesweep.training.phases import FineTune, Phase
from prunesweep.training.settings import Augment, Optimizer


@dataclass(frozen=True)
class Parts:
    """The parts from which a schedule composes a chain.

    Attributes:
        init: The first step.
        data: Fingerprint of the data and its split.
        selected: The parameters selected for pruning, and their shapes.
        output: Name of the layer that computes the logits.
        optimizer: Settings of the optimizer.
        train: The phase of dense training.
        finetune: The phase of fine-tuning.
        spec: The pruning that the run should reach in the end.
        seed: Seed of the run.
        augment: Changes of the training images.
        cleanup: `none`, `final` or `rounds`: which of the measured networks are cleaned up.
        quantize: How the final network is quantized.
        quantized: The parameters that are quantized.
        examples: Number of training images.
        penalty: Name of the penalty of the weights.
        compact: Whether training after pruning leaves out the pruned channels.
    """

    init: Init
    data: str
    selected: Shapes
    output: str
    optimizer: Optimizer
    train: Phase
    finetune: FineTune
    spec: PruneSpec
    seed: int
    augment: Augment = field(default_factory=Augment)
    cleanup: str = "none"
    quantize: Quantize = field(default_factory=NoQuantization)
    quantized: tuple[str, ...] = ()
    examples: int = 0
    penalty: str | None = None
    compact: bool = False

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the selected parameters."""
        return tuple(self.selected)

    @property
    def tracked(self) -> tuple[str, ...]:
        """The parameters of which training records the movement, because the criterion needs it."""
        return self.layers if needs_movement(self.spec) else ()


@dataclass(frozen=True)
class MeasuredPoint:
    """A point of the trade-off.

    Attributes:
        amount: The requested fraction of the selected weights.
        pruned: Position of the step after which the pruned network is measured.
        final: Position of the step after which the trained network is measured.
        unquantized: Position of the step after which the trained network is measured before its quantization, or None
            if it is not quantized.
    """

    amount: float
    pruned: int
    final: int
    unquantized: int | None = None


@dataclass(frozen=True)
class Plan:
    """A chain, the position of the dense network, and the points at which the run is measured, in their order."""

    chain: tuple[Step, ...]
    dense: int
    points: tuple[MeasuredPoint, ...]


def needs_movement(spec: PruneSpec) -> bool:
    """Return whether the criterion of `spec` needs the movement of the weights during the training."""
    return spec.criterion != "none" and find(spec.criterion, spec.target).needs_movement
