"""One epoch, evaluation, optimizers and learning rates. No branch for any experiment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn, optim
from torch.nn.functional import cross_entropy

from prunesweep.data.datasets import Split

EVALUATION_BATCH = 250  # larger ones leave the cache: 1.7 times as slow for four convolutions, and more memory


def shuffled(split: Split, batch_size: int, generator: Generator) -> tuple[Tensor, ...]:
    """The indices of all examples in an order drawn from `generator`, in batches, on the device of `split`."""
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
