"""Penalties: functions of the weights that training lowers besides its loss, so that many weights become zero.

To add one, write a function of the selected parameters that returns a scalar, and register it with `@penalty`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # settings import this module, and they must not import torch
    from torch import Tensor

Function = Callable[[Sequence["Tensor"]], "Tensor"]


@dataclass(frozen=True)
class Penalty:
    """A penalty.

    Attributes:
        of: The function that returns the penalty of the parameters.
        source: The paper and the equation.
        strength: The factor of the penalty in the first epoch if the user gives none.
    """

    of: Function
    source: str
    strength: float


PENALTIES: dict[str, Penalty] = {}
"""Name -> penalty."""

GATES = "hard_concrete"
"""The penalty of the number of weights, whose gates are in `training.hard_concrete`."""
GATES_STRENGTH = 3e-5


def penalty(source: str, *, strength: float) -> Callable[[Function], Function]:
    """Register the decorated function under its own name."""

    def register(of: Function) -> Function:
        PENALTIES[of.__name__] = Penalty(of, source, strength)
        return of

    return register


def names() -> list[str]:
    """Return the names of all penalties."""
    return [*PENALTIES, GATES]


def default_strength(name: str) -> float:
    """Return the strength of the penalty `name` in the first epoch if the user gives none."""
    return GATES_STRENGTH if name == GATES else PENALTIES[name].strength


@penalty("Tibshirani, 'Regression shrinkage and selection via the lasso' (1996)", strength=1e-3)
def l1(parameters: Sequence[Tensor]) -> Tensor:
    """Return the sum of |w|."""
    return _total([parameter.abs().sum() for parameter in parameters])


@penalty("Wen, Wu, Wang, Chen, Li, 'Learning structured sparsity in deep neural networks' (2016), eq. 3", strength=1e-3)
def group(parameters: Sequence[Tensor]) -> Tensor:
    """Return the sum of `sqrt(n) |w|_2` over the groups of n weights: those of an output channel or a neuron.

    The factor makes groups of different sizes comparable (Yuan & Lin 2006, eq. 2.1). Each bias is a group of its own.
    """
    rows = [parameter.flatten(1) if parameter.dim() > 1 else parameter[:, None] for parameter in parameters]
    return _total([row.shape[1] ** 0.5 * row.norm(dim=1).sum() for row in rows])


@penalty("Yang, Wen, Li, 'DeepHoyer' (2020), eq. 3, Hoyer-square of each layer", strength=1e-4)
def hoyer(parameters: Sequence[Tensor]) -> Tensor:
    """Return the sum of `(sum |w|)^2 / sum w^2` over the parameters.

    It is 1 for a single weight, n for n equal weights, and does not change when all weights are scaled.
    """
    nonzero = [parameter for parameter in parameters if parameter.detach().any()]  # 0/0 counts as 0
    ratios = [parameter.abs().sum().square() / parameter.square().sum() for parameter in nonzero]
    return _total(ratios or [0 * parameters[0].sum()])


def _total(values: Sequence[Tensor]) -> Tensor:
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total
