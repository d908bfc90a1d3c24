"""Random gates of weights, whose expected number of open gates has a gradient.

Source: Louizos, Welling, Kingma, "Learning sparse neural networks through L0 regularization" (2018), section 2.2 and
the values of its section 4: beta, gamma, zeta = 2/3, -0.1, 1.1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

BETA, GAMMA, ZETA = 2 / 3, -0.1, 1.1
START = 2.0
"""The initial value of log alpha: a gate is open with probability 0.97, and its value in evaluation is 0.96."""
MARGIN = 1e-6
"""Uniform numbers keep this distance from 0 and 1, whose logits are infinite."""


class HardConcrete(nn.Module):
    """Multiply each weight by its gate, a number in [0, 1] that is exactly 0 or 1 with positive probability."""

    def __init__(self, log_alpha: Tensor) -> None:
        """Create gates of the shape of `log_alpha`, their parameter."""
        super().__init__()
        self.log_alpha = nn.Parameter(log_alpha.clone())

    def forward(self, weight: Tensor) -> Tensor:
        """Return `weight`, of any shape, times its gates."""
        return weight * self.gates()

    def gates(self) -> Tensor:
        """Return the gates: drawn at random in training (eq. 10 and 11), and without noise in evaluation (eq. 13)."""
        logits: Tensor = self.log_alpha
        if self.training:
            uniform = torch.rand_like(logits).clamp(MARGIN, 1 - MARGIN)
            logits = (uniform.log() - (1 - uniform).log() + logits) / BETA
        return (logits.sigmoid() * (ZETA - GAMMA) + GAMMA).clamp(0, 1)

    def open(self) -> Tensor:
        """Return the probability of each gate to be above 0 (eq. 12)."""
        return (self.log_alpha - BETA * math.log(-GAMMA / ZETA)).sigmoid()


@contextmanager
def gated(model: nn.Module, gates: Mapping[str, HardConcrete]) -> Iterator[None]:
    """Within the context, compute with the gated values of the parameters that `gates` names."""
    places = [(model.get_submodule(layer), role) for layer, _, role in (name.rpartition(".") for name in gates)]
    for (module, role), gate in zip(places, gates.values(), strict=True):
        parametrize.register_parametrization(module, role, gate)
    try:
        yield
    finally:
        for module, role in places:
            parametrize.remove_parametrizations(module, role, leave_parametrized=False)


def gates_of(model: nn.Module) -> list[HardConcrete]:
    """Return the gates of `model` within the context `gated`."""
    return [module for module in model.modules() if isinstance(module, HardConcrete)]


def expected_open(model: nn.Module) -> Tensor:
    """Return the expected number of open gates of `model`."""
    return torch.stack([gate.open().sum() for gate in gates_of(model)]).sum()
