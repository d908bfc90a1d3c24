"""Phases of training: their length, batch size and learning rates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from prunesweep.errors import MAX_COUNT, UsageError, check_choice, check_range

DECAYS = ("constant", "cosine", "step")
DENSE_EPOCHS = 10
"""The default length of the training of the dense network."""
MAX_EPOCHS = 100_000
"""The largest number of epochs of a phase. A result records each epoch, and its file has a limit."""


@dataclass
class Phase:
    """Settings of one phase of training.

    The learning rate of an epoch is `optimizer.lr` times `lr_scale` times the decay. During the warm-up, the rate rises
    linearly with each optimizer step.

    Attributes:
        epochs: Number of epochs. None: a default that depends on other settings.
        batch_size: Images per optimizer step.
        lr_scale: Factor of `optimizer.lr`.
        decay: `constant`; `cosine`, half a cosine wave over the phase (Loshchilov & Hutter 2017); or `step`.
        step_size: With `step`, the number of epochs between two reductions.
        gamma: With `step`, the factor of each reduction.
        warmup: Number of epochs in which the learning rate rises from 0 (Goyal et al. 2017, section 2.2).
    """

    key: ClassVar[str]
    epochs: int | None
    batch_size: int = 128
    lr_scale: float = 1.0
    decay: str = "constant"
    step_size: int = 5
    gamma: float = 0.1
    warmup: int = 0

    def __post_init__(self) -> None:
        check_range(f"{self.key}.epochs", self.length, 0, MAX_EPOCHS)
        check_range(f"{self.key}.batch_size", self.batch_size, 1, MAX_COUNT)
        check_range(f"{self.key}.lr_scale", self.lr_scale, 0, above=True)
        check_choice(f"{self.key}.decay", self.decay, DECAYS)
        check_range(f"{self.key}.step_size", self.step_size, 1, MAX_COUNT)
        check_range(f"{self.key}.gamma", self.gamma, 0, 1)
        check_range(f"{self.key}.warmup", self.warmup, 0, MAX_EPOCHS)

    @property
    def length(self) -> int:
        """The number of epochs."""
        return self.epochs or 0

    def learning_rates(self, base: float) -> list[float]:
        """Return the learning rate at the end of each epoch for `base`, the value of `optimizer.lr`."""
        factors = (self._decay_factor(epoch) * self._warm(epoch + 1) for epoch in range(self.length))
        return [base * self.lr_scale * factor for factor in factors]

    def first_rates(self, base: float) -> list[float | None]:
        """Return the rate from which each epoch of the warm-up rises; None for epochs with a constant rate."""
        return [
            base * self.lr_scale * self._decay_factor(epoch) * self._warm(epoch) if epoch < self.warmup else None
            for epoch in range(self.length)
        ]

    def _warm(self, epochs: int) -> float:
        return epochs / self.warmup if epochs < self.warmup else 1.0

    def _decay_factor(self, epoch: int) -> float:
        if self.decay == "cosine":
            return 0.5 * (1 + math.cos(math.pi * epoch / self.length))
        if self.decay == "step":
            return float(self.gamma ** (epoch // self.step_size))
        return 1.0


@dataclass
class Train(Phase):
    """The training of the dense network. By default 10 epochs, or none if the weights are given."""

    key: ClassVar[str] = "train"
    epochs: int | None = None
    decay: str = "cosine"


@dataclass
class FineTune(Phase):
    """The training after pruning. The learning rate is constant by default, so that longer runs extend shorter ones.

    Attributes:
        distill: Weight of the outputs of the run's own dense network beside the labels, from 0 (labels only) to 1
            (Hinton et al. 2015). Also while sparsity rises.
        temperature: By which logits are divided in this comparison.
        average: Number of last epochs whose weights are averaged (Izmailov et al. 2018). 0: the last epoch alone.
        best: Whether the result is the network of the epoch with the best validation accuracy. Otherwise of the last.
        weight_decay: Coefficient of the L2 penalty during fine-tuning. None: that of the optimizer.
    """

    key: ClassVar[str] = "finetune"
    epochs: int | None = 2
    lr_scale: float = 0.3
    distill: float = 0.0
    temperature: float = 2.0
    average: int = 0
    best: bool = False
    weight_decay: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("finetune.distill", self.distill, 0, 1)
        check_range("finetune.temperature", self.temperature, 0, above=True)
        check_range("finetune.average", self.average, 0, MAX_EPOCHS)
        if self.weight_decay is not None:
            check_range("finetune.weight_decay", self.weight_decay, 0)
        if self.average and self.best:
            raise UsageError(
                f"finetune.average={self.average} finetune.best=true: both choose the network after fine-tuning. "
                "Use one of them."
            )
