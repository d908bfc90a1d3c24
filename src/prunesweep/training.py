"""One epoch, evaluation, optimizers and learning rates. No branch for any experiment."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from prunesweep.errors import UsageError, check_choice, check_range

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn, optim

    from prunesweep.data import Split

DECAYS = ("constant", "cosine", "step")
EVALUATION_BATCH = 250  # larger ones leave the cache: 1.7 times as slow for four convolutions, and more memory


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


def shuffled(split: Split, batch_size: int, generator: Generator) -> tuple[Tensor, ...]:
    """The indices of all examples in an order drawn from `generator`, in batches, on the device of `split`."""
    import torch

    order = torch.randperm(len(split), generator=generator).to(split.labels.device)
    batches: tuple[Tensor, ...] = order.split(batch_size)
    return batches


def train_batches(
    model: nn.Module,
    split: Split,
    optimizer: optim.Optimizer,
    masks: Mapping[str, Tensor],
    batches: Iterable[Tensor],
) -> float:
    """One optimizer step for each of `batches`, the indices of its examples; the training loss summed over them all.

    Weights under a mask are held at exactly zero: their gradient is zeroed before each step, so that neither momentum
    nor weight decay (both zero there, since every step that sets a mask also clears the optimizer) can move them.
    """
    import torch
    from torch.nn.functional import cross_entropy

    model.train()
    parameters = dict(model.named_parameters())
    # In the layout and the type of the gradients, so that a multiplication is one pass over both.
    masked = [(parameters[name], torch.empty_like(parameters[name]).copy_(mask)) for name, mask in masks.items()]
    total = torch.zeros((), dtype=torch.float64, device=split.labels.device)
    for batch in batches:
        examples = split.take(batch)
        optimizer.zero_grad()
        loss = cross_entropy(model(examples.images), examples.labels)
        loss.backward()
        for parameter, mask in masked:
            if parameter.grad is not None:
                parameter.grad.mul_(mask)
        optimizer.step()
        total += loss.detach() * len(batch)  # read only in the end: nothing here waits for the device
    return float(total)


@dataclass(frozen=True)
class Score:
    """Mean cross-entropy and accuracy (correct / total) over every example of a split."""

    loss: float
    accuracy: float


def evaluate(model: nn.Module, split: Split) -> Score:
    """Score `model` on all of `split`; a short last batch counts by its size."""
    import torch
    from torch.nn.functional import cross_entropy

    model.eval()
    loss = torch.zeros((), dtype=torch.float64, device=split.labels.device)
    correct = torch.zeros((), dtype=torch.int64, device=split.labels.device)
    batches = zip(split.images.split(EVALUATION_BATCH), split.labels.split(EVALUATION_BATCH), strict=True)
    with torch.inference_mode():
        for images, labels in batches:
            logits = model(images)
            loss += cross_entropy(logits, labels, reduction="sum")
            correct += (logits.argmax(1) == labels).sum()
    return Score(float(loss) / len(split), int(correct) / len(split))
