"""Build the optimizer that settings describe."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor, optim

from prunesweep.training.settings import SGD, Adam, AdamW, Optimizer


def build(settings: Optimizer, parameters: Iterable[Tensor], lr: float) -> optim.Optimizer:
    """Return the optimizer of `parameters` with the learning rate `lr`. Each update is one fused pass."""
    return BUILDERS[type(settings)](settings, parameters, lr)


def _sgd(settings: SGD, parameters: Iterable[Tensor], lr: float) -> optim.Optimizer:
    return optim.SGD(
        parameters,
        lr,
        momentum=settings.momentum,
        nesterov=settings.nesterov,
        weight_decay=settings.weight_decay,
        fused=True,
    )


def _adam(settings: Adam, parameters: Iterable[Tensor], lr: float) -> optim.Optimizer:
    first, second = settings.betas
    return optim.Adam(parameters, lr, betas=(first, second), weight_decay=settings.weight_decay, fused=True)


def _adamw(settings: AdamW, parameters: Iterable[Tensor], lr: float) -> optim.Optimizer:
    first, second = settings.betas
    return optim.AdamW(parameters, lr, betas=(first, second), weight_decay=settings.weight_decay, fused=True)


BUILDERS: dict[type[Optimizer], Callable[[Any, Iterable[Tensor], float], optim.Optimizer]] = {
    SGD: _sgd,
    Adam: _adam,
    AdamW: _adamw,
}
"""Settings -> the function (settings, parameters, learning rate) that builds the optimizer."""
