"""Training epochs in which only the most important weights receive gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn, optim

from prunesweep.chain.context import Context
from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.pruning.spec import PruneSpec


@dataclass(frozen=True)
class SparseMomentumEpoch(TrainEpoch):
    """A training epoch in which, of the selected weights, only those with the highest |w g| receive gradients.

    They are as many as `spec` keeps, and chosen again in each optimizer step. Weight decay and momentum act on all
    weights, so that those without gradients shrink towards 0.
    Source: Ding, Ding, Zhou, Guo, Han, Liu, "Global sparse momentum SGD for pruning very deep neural networks" (2019),
    eq. 8 to 11.

    Attributes:
        spec: The target.
        layers: The selected parameters.
    """

    spec: PruneSpec
    layers: tuple[str, ...]

    def before_step(self, model: nn.Module, optimizer: optim.Optimizer, context: Context) -> Callable[[], None]:  # noqa: ARG002
        parameters = {name: model.get_parameter(name) for name in self.layers}
        shapes = {name: tuple(parameter.shape) for name, parameter in parameters.items()}
        groups = [([parameters[name] for name in each.names], each.count) for each in self.spec.budgets(shapes)]

        def keep_active() -> None:
            for group, pruned in groups:
                keep_highest(group, sum(map(torch.numel, group)) - pruned)

        return keep_active


def keep_highest(parameters: Sequence[nn.Parameter], count: int) -> None:
    """Set all gradients of `parameters` to zero except the `count` ones with the highest |w g| of all together."""
    trained = [(parameter, parameter.grad) for parameter in parameters if parameter.grad is not None]
    if not trained:
        return
    scores = torch.cat([(parameter.detach() * gradient).abs().flatten() for parameter, gradient in trained])
    active = torch.zeros_like(scores).index_fill_(0, scores.topk(min(count, len(scores))).indices, 1)
    for (parameter, gradient), part in zip(trained, active.split([each.numel() for each, _ in trained]), strict=True):
        gradient.mul_(part.view(parameter.shape))
