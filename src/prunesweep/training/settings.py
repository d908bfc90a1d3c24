"""One epoch, evaluation, optimizers and learning rates. No branch for any experiment."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prunesweep.errors import UsageError, check_range

if TYPE_CHECKING:
    from torch import Tensor, optim


@dataclass
class Optimizer(ABC):
    """The settings of an optimizer; `lr` is the learning rate that a phase of training starts from."""

    name: str
    lr: float
    weight_decay: float

    def __post_init__(self) -> None:
        check_range("optimizer.lr", self.lr, 0, above=True)
        check_range("optimizer.weight_decay", self.weight_decay, 0)

    @abstractmethod
    def build(self, parameters: Iterable[Tensor], lr: float) -> optim.Optimizer:
        """The optimizer of `parameters` at the learning rate `lr`."""


@dataclass
class SGD(Optimizer):
    """Stochastic gradient descent with momentum, Nesterov's by default (Sutskever et al. 2013)."""

    name: str = "sgd"
    lr: float = 0.03
    weight_decay: float = 5e-4
    momentum: float = 0.9
    nesterov: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("optimizer.momentum", self.momentum, 0, 1)
        if self.nesterov and self.momentum == 0:
            raise UsageError("optimizer.nesterov=true: needs optimizer.momentum above 0.")

    def build(self, parameters: Iterable[Tensor], lr: float) -> optim.Optimizer:
        from torch import optim

        return optim.SGD(
            parameters, lr, momentum=self.momentum, nesterov=self.nesterov, weight_decay=self.weight_decay, fused=True
        )


@dataclass
class Adam(Optimizer):
    """Adam (Kingma & Ba 2015); weight decay is added to the gradient."""

    name: str = "adam"
    lr: float = 1e-3
    weight_decay: float = 0.0
    betas: list[float] = field(default_factory=lambda: [0.9, 0.999])

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise UsageError(f"optimizer.betas={self.betas}: must be two numbers, each at least 0 and below 1.")

    def build(self, parameters: Iterable[Tensor], lr: float) -> optim.Optimizer:
        from torch import optim

        first, second = self.betas
        return optim.Adam(parameters, lr, betas=(first, second), weight_decay=self.weight_decay, fused=True)


@dataclass
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

    name: str = "adamw"
    weight_decay: float = 0.01

    def build(self, parameters: Iterable[Tensor], lr: float) -> optim.Optimizer:
        from torch import optim

        first, second = self.betas
        return optim.AdamW(parameters, lr, betas=(first, second), weight_decay=self.weight_decay, fused=True)


OPTIMIZERS: tuple[type[Optimizer], ...] = (SGD, Adam, AdamW)
