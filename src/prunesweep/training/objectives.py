"""What a batch of training minimizes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, kl_div, log_softmax

Objective = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""(network, images `[n, ...]`, labels `[n]`) -> the loss, a scalar."""


def supervised(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy with the labels."""
    return cross_entropy(model(images), labels)


def distilled(teacher: nn.Module, weight: float, temperature: float) -> Objective:
    """Return the objective `(1 - weight) CE(labels, p_1) + weight T^2 KL(q_T, p_T)`.

    p_T and q_T are the classes' probabilities by the network and by the teacher at the temperature T: the softmax of
    the logits divided by T. T^2 keeps the size of the gradients of the second term.

    Source: Hinton, Vinyals, Dean, "Distilling the knowledge in a neural network" (2015), section 2. The paper has the
    cross-entropy with q_T, which differs from KL by a constant.

    Args:
        teacher: A network for the same images and classes. It is not trained.
        weight: The weight of the second term, in [0, 1].
        temperature: T, above 0.
    """

    def objective(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        with torch.no_grad():
            target = log_softmax(teacher(images.clone()) / temperature, 1)  # some networks change their input
        logits = model(images)
        divergence = kl_div(log_softmax(logits / temperature, 1), target, reduction="batchmean", log_target=True)
        return (1 - weight) * cross_entropy(logits, labels) + weight * temperature**2 * divergence

    return objective


def penalized(objective: Objective, penalty: Callable[[nn.Module], Tensor], strength: float) -> Objective:
    """Return `objective` plus `strength` times the `penalty` of the network."""

    def total(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        return objective(model, images, labels) + strength * penalty(model)

    return total
