"""Settings of the optimizers, one dataclass each. The functions that build them are in `optimizers.py`."""

from __future__ import annotations

from dataclasses import dataclass, field

from prunesweep.errors import UsageError, check_range

MAX_SHIFT = 64


@dataclass
class Augment:
    """Random changes of the training images of each epoch, the same in each repetition of a run.

    Attributes:
        shift: The largest shift of an image, up, down, left and right, in pixels.
        flip: Whether half of the images are mirrored, left to right.
    """

    shift: int = 0
    flip: bool = False

    def __post_init__(self) -> None:
        check_range("augment.shift", self.shift, 0, MAX_SHIFT)

    def __bool__(self) -> bool:
        return bool(self.shift or self.flip)


@dataclass
class Optimizer:
    """Settings of an optimizer.

    Attributes:
        lr: The learning rate. Each phase of training scales it by its own `lr_scale` and decay.
        weight_decay: The coefficient of the L2 penalty.
    """

    name: str
    lr: float
    weight_decay: float

    def __post_init__(self) -> None:
        check_range("optimizer.lr", self.lr, 0, above=True)
        check_range("optimizer.weight_decay", self.weight_decay, 0)


@dataclass
class SGD(Optimizer):
    """Stochastic gradient descent with momentum, by default Nesterov's (Sutskever et al. 2013)."""

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


@dataclass
class Adam(Optimizer):
    """Adam (Kingma & Ba 2015). Weight decay is added to the gradient."""

    name: str = "adam"
    lr: float = 1e-3
    weight_decay: float = 0.0
    betas: list[float] = field(default_factory=lambda: [0.9, 0.999])

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise UsageError(f"optimizer.betas={self.betas}: must be two numbers, each at least 0 and below 1.")


@dataclass
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

    name: str = "adamw"
    weight_decay: float = 0.01


OPTIMIZERS: tuple[type[Optimizer], ...] = (SGD, Adam, AdamW)
