"""One epoch, evaluation, optimizers and learning rates. No branch for any experiment."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from prunesweep.errors import check_choice, check_range

if TYPE_CHECKING:
    pass

DECAYS = ("constant", "cosine", "step")


@dataclass
class Phase:
    """A stretch of training: how long, in what batches, at what learning rates.

    The rate of each epoch is `lr_scale` times `optimizer.lr`, times the decay: `constant`; `cosine`, half a wave over
    the phase (Loshchilov & Hutter 2017); `step`, times `gamma` every `step_size` epochs.
    """

    key: ClassVar[str]
    epochs: int
    batch_size: int = 128
    lr_scale: float = 1.0
    decay: str = "constant"
    step_size: int = 5
    gamma: float = 0.1

    def __post_init__(self) -> None:
        check_range(f"{self.key}.epochs", self.epochs, 0)
        check_range(f"{self.key}.batch_size", self.batch_size, 1)
        check_range(f"{self.key}.lr_scale", self.lr_scale, 0, above=True)
        check_choice(f"{self.key}.decay", self.decay, DECAYS)
        check_range(f"{self.key}.step_size", self.step_size, 1)
        check_range(f"{self.key}.gamma", self.gamma, 0, 1)

    def learning_rates(self, base: float) -> list[float]:
        """The learning rate of each epoch."""
        return [base * self.lr_scale * self._decayed(epoch) for epoch in range(self.epochs)]

    def _decayed(self, epoch: int) -> float:
        if self.decay == "cosine":
            return 0.5 * (1 + math.cos(math.pi * epoch / self.epochs))
        if self.decay == "step":
            return float(self.gamma ** (epoch // self.step_size))
        return 1.0


@dataclass
class Train(Phase):
    """The dense training."""

    key: ClassVar[str] = "train"
    epochs: int = 10
    decay: str = "cosine"


@dataclass
class FineTune(Phase):
    """The training after pruning. A constant rate by default, so that longer runs continue shorter ones."""

    key: ClassVar[str] = "finetune"
    epochs: int = 2
    lr_scale: float = 0.3
