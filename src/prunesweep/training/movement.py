"""Sum up during training how far each weight moves away from zero."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def summing(parameters: Mapping[str, Tensor], sums: Mapping[str, Tensor]) -> Iterator[None]:
    """Within the context, subtract w g from `sums` after each backward pass, before the optimizer changes w.

    A gradient step increases |w| if w g < 0. For weights under a mask that receive gradients (`straight_through`), w is
    their value under the mask, as in the paper.
    Source: Sanh, Wolf, Rush, "Movement pruning: adaptive sparsity by fine-tuning" (2020), eq. 3.

    Args:
        parameters: Name -> parameter that is trained.
        sums: Name -> tensor of the parameter's shape. Changed in place.
    """

    def add(parameter: Tensor, total: Tensor) -> None:
        if parameter.grad is not None:
            with torch.no_grad():
                total.addcmul_(parameter, parameter.grad, value=-1)

    handles = [
        parameters[name].register_post_accumulate_grad_hook(lambda parameter, total=total: add(parameter, total))
        for name, total in sums.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
