from collections.abc import Callable

import pytest
import torch
from torch import nn

from prunesweep.training.optimizers import BUILDERS, build
from prunesweep.training.settings import OPTIMIZERS, SGD, Adam, AdamW, Optimizer

WEIGHT, GRADIENT = 2.0, 0.5


def after_steps(settings: Optimizer, lr: float, steps: int) -> float:
    """Return a single weight after `steps` updates with a constant gradient."""
    weight = nn.Parameter(torch.tensor([WEIGHT]))
    optimizer = build(settings, [weight], lr)
    for _ in range(steps):
        weight.grad = torch.tensor([GRADIENT])
        optimizer.step()
    return weight.item()


def test_each_optimizer_has_settings_and_a_builder() -> None:
    assert set(BUILDERS) == set(OPTIMIZERS)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # Momentum buffer: 0.5, then 0.9 * 0.5 + 0.5 = 0.95.
        (SGD(momentum=0.9, nesterov=False, weight_decay=0.0), WEIGHT - 0.1 * (0.5 + 0.95)),
        # Nesterov adds 0.9 times the new buffer to the gradient.
        (SGD(momentum=0.9, weight_decay=0.0), WEIGHT - 0.1 * (0.5 + 0.9 * 0.5 + 0.5 + 0.9 * 0.95)),
        # A constant gradient gives a ratio of moments of 1: each step has the length of the learning rate.
        (Adam(), WEIGHT - 2 * 0.1),
        # Decoupled: the weight first shrinks by lr * weight_decay.
        (AdamW(weight_decay=0.5), ((WEIGHT * 0.95 - 0.1) * 0.95) - 0.1),
    ],
    ids=["sgd", "nesterov", "adam", "adamw"],
)
def test_two_updates_by_hand(settings: Optimizer, expected: float) -> None:
    assert after_steps(settings, 0.1, 2) == pytest.approx(expected, rel=1e-5)


def test_the_weight_decay_of_sgd_is_added_to_the_gradient() -> None:
    settings = SGD(momentum=0.0, nesterov=False, weight_decay=0.1)
    assert after_steps(settings, 0.5, 1) == pytest.approx(WEIGHT - 0.5 * (GRADIENT + 0.1 * WEIGHT))


@pytest.mark.parametrize("make", OPTIMIZERS, ids=lambda make: make.name)
def test_the_learning_rate_is_the_argument_and_not_the_setting(make: Callable[..., Optimizer]) -> None:
    optimizer = build(make(lr=0.7), [nn.Parameter(torch.zeros(1))], 0.2)
    assert [group["lr"] for group in optimizer.param_groups] == [0.2]


def test_the_betas_reach_the_optimizer() -> None:
    for settings in (Adam(betas=[0.5, 0.25]), AdamW(betas=[0.5, 0.25])):
        (group,) = build(settings, [nn.Parameter(torch.zeros(1))], 0.1).param_groups
        assert group["betas"] == (0.5, 0.25)
