"""Train for one pass over batches, and evaluate. The same code serves every schedule and network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn, optim
from torch.nn.functional import cross_entropy

from prunesweep.data.datasets import Split
from prunesweep.training.objectives import Objective, supervised

EVALUATION_BATCH = 250  # with larger batches, activations leave the cache: 1.7 times slower for four convolutions


def shuffled(split: Split, batch_size: int, generator: Generator) -> tuple[Tensor, ...]:
    """Return the indices of all examples, shuffled by `generator` and split into batches, on the device of `split`."""
    order = torch.randperm(len(split), generator=generator).to(split.labels.device)
    batches: tuple[Tensor, ...] = order.split(batch_size)
    return batches


def unchanged(images: Tensor) -> Tensor:
    """Return `images`."""
    return images


def nothing() -> None:
    """Do nothing."""


def train_batches(
    model: nn.Module,
    split: Split,
    optimizer: optim.Optimizer,
    masks: Mapping[str, Tensor],
    batches: Iterable[Tensor],
    change: Callable[[Tensor], Tensor] = unchanged,
    objective: Objective = supervised,
    before_step: Callable[[], None] = nothing,
    after_step: Callable[[], None] = nothing,
) -> float:
    """Take one optimizer step for each batch; return the sum of the training losses of all examples.

    Masked weights stay exactly zero. Their gradients are set to zero before each step, so neither momentum nor weight
    decay can move them: momentum of a masked weight is zero, because every step that sets a mask also clears it.

    Args:
        model: The network. Trained in place.
        split: The training images and labels.
        optimizer: The optimizer of the parameters of `model`.
        masks: Parameter name -> boolean mask, true where the weight is kept.
        batches: Indices of the examples of each batch.
        change: Returns the images to train on instead of those of a batch.
        objective: The loss of a batch.
        before_step: Called before each optimizer step, with the gradients in place.
        after_step: Called after each optimizer step.
    """
    model.train()
    parameters = dict(model.named_parameters())
    # Masks take the layout and the type of the gradients, so that each multiplication is one pass over both.
    masked = [(parameters[name], torch.empty_like(parameters[name]).copy_(mask)) for name, mask in masks.items()]
    total = torch.zeros((), dtype=torch.float64, device=split.labels.device)
    for batch in batches:
        examples = split.take(batch)
        optimizer.zero_grad()
        loss = objective(model, change(examples.images), examples.labels)
        loss.backward()
        for parameter, mask in masked:
            if parameter.grad is not None:
                parameter.grad.mul_(mask)
        before_step()
        optimizer.step()
        after_step()
        total += loss.detach() * len(batch)  # read once, after the loop, so that the device never waits
    return float(total)


@dataclass(frozen=True)
class Score:
    """Mean cross-entropy, and accuracy (correct / total), over every example of a split."""

    loss: float
    accuracy: float


def evaluate(model: nn.Module, split: Split) -> Score:
    """Return the score of `model` on every example of `split`. A shorter last batch counts by its size."""
    return classify(model, split)[0]


def classify(model: nn.Module, split: Split) -> tuple[Score, Tensor]:
    """Return the score of `model` on every example of `split`, and the predicted classes `[n]`.

    The network gets copies of the images, because some networks change their input.
    """
    model.eval()
    loss = torch.zeros((), dtype=torch.float64, device=split.labels.device)
    classes: list[Tensor] = []
    batches = zip(split.images.split(EVALUATION_BATCH), split.labels.split(EVALUATION_BATCH), strict=True)
    with torch.inference_mode():
        for images, labels in batches:
            logits = model(images.clone())
            loss += cross_entropy(logits, labels, reduction="sum")
            classes.append(logits.argmax(1))
    predicted = torch.cat(classes)
    correct = int((predicted == split.labels).sum())
    return Score(float(loss) / len(split), correct / len(split)), predicted
