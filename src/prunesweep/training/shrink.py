"""The step of a penalty, separate from that of the optimizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


def shrink(parameters: Sequence[nn.Parameter], penalty: Callable[[Sequence[Tensor]], Tensor], rate: float) -> None:
    """Move `parameters` by `rate` against the gradient of `penalty`; a weight that would change its sign becomes 0.

    For the sum of |w|, this is the proximal operator: |w| falls by `rate` down to 0. For groups, a group whose norm is
    below the step becomes 0 as a whole. With the penalty in the loss instead, weights would oscillate around 0.
    Source: Langford, Li, Zhang, "Sparse online learning via truncated gradient" (2009), section 3.3.

    Args:
        parameters: The parameters, changed in place.
        penalty: A function of their values, differentiable except at 0.
        rate: The learning rate times the strength of the penalty.
    """
    gradients = torch.autograd.grad(penalty(parameters), list(parameters), materialize_grads=True)
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            moved = parameter - rate * gradient
            parameter.copy_(moved.where(moved * parameter > 0, 0))
