"""Train under masks while the masked weights keep receiving gradients, so that they can return."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize


class StraightThrough(nn.Module):
    """Apply a mask in the forward pass; pass the gradient as if there were no mask (Bengio et al. 2013)."""

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.mask = mask

    def forward(self, weight: Tensor) -> Tensor:
        """Return `weight` where the mask is true and exactly zero elsewhere. Any shape."""
        return weight + torch.where(self.mask, 0, -weight.detach())


@contextmanager
def straight_through(model: nn.Module, masks: Mapping[str, Tensor]) -> Iterator[None]:
    """Within the context, compute with masked parameters while every parameter receives a gradient."""
    places = [(model.get_submodule(layer), role) for layer, _, role in (name.rpartition(".") for name in masks)]
    for (module, role), mask in zip(places, masks.values(), strict=True):
        parametrize.register_parametrization(module, role, StraightThrough(mask))
    try:
        yield
    finally:
        for module, role in places:
            parametrize.remove_parametrizations(module, role, leave_parametrized=False)
