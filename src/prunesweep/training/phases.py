"""Phases of training: their length, batch size and learning rates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from prunesweep.errors import MAX_COUNT, check_choice, check_range

DECAYS = ("constant", "cosine", "step")
DENSE_EPOCHS = 10
"""The default length of the training of the dense network."""
MAX_EPOCHS = 100_000
"""The largest number of epochs of a phase. A result records each epoch, and its file has a limit."""


@dataclass
class Phase:
    """Settings of one phase of training.

    The learning rate of an epoch is `optimizer.lr` times `lr_scale` times the decay.

    Attributes:
        epochs: Number of epochs. None: a default that depends on other settings.
        batch_size: Images per optimizer step.
        lr_scale: Factor of `optimizer.lr`.
        decay: `constant`; `cosine`, half a cosine wave over the phase (Loshchilov & Hutter 2017); or `step`.
        step_size: With `step`, the number of epochs between two reductions.
        gamma: With `step`, the factor of each reduction.
    """

    key: ClassVar[str]
    epochs: int | None
    batch_size: int = 128
    lr_scale: float = 1.0
    decay: str = "constant"
    step_size: int = 5
    gamma: float = 0.1

    def __post_init__(self) -> None:
        check_range(f"{self.key}.epochs", self.length, 0, MAX_EPOCHS)
        check_range(f"{self.key}.batch_size", self.batch_size, 1, MAX_COUNT)
        check_range(f"{self.key}.lr_scale", self.lr_scale, 0, above=True)
        check_choice(f"{self.key}.decay", self.decay, DECAYS)
        check_range(f"{self.key}.step_size", self.step_size, 1, MAX_COUNT)
        check_range(f"{self.key}.gamma", self.gamma, 0, 1)

    @property
    def length(self) -> int:
        """The number of epochs."""
        return self.epochs or 0

    def learning_rates(self, base: float) -> list[float]:
        """Return the learning rate of each epoch for `base`, the value of `optimizer.lr`."""
        return [base * self.lr_scale * self._decay_factor(epoch) for epoch in range(self.length)]

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
    """The training after pruning. The learning rate is constant by default, so that longer runs extend shorter ones."""

    key: ClassVar[str] = "finetune"
    epochs: int | None = 2
    lr_scale: float = 0.3
