"""Training under masks that lets pruned weights move, in a file of its own because it needs torch imported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize


class StraightThrough(nn.Module):
    """w -> w under the mask; the gradient passes as if there were no mask (Bengio et al. 2013)."""

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.mask = mask

    def forward(self, weight: Tensor) -> Tensor:
        """`weight` where it is kept, exactly zero elsewhere; any shape."""
        return weight + torch.where(self.mask, 0, -weight.detach())


@contextmanager
def straight_through(model: nn.Module, masks: Mapping[str, Tensor]) -> Iterator[None]:
    """Within, `model` computes with `masks` on its parameters, and all of them get a gradient."""
    places = [(model.get_submodule(layer), role) for layer, _, role in (name.rpartition(".") for name in masks)]
    for (module, role), mask in zip(places, masks.values(), strict=True):
        parametrize.register_parametrization(module, role, StraightThrough(mask))
    try:
        yield
    finally:
        for module, role in places:
            parametrize.remove_parametrizations(module, role, leave_parametrized=False)
