"""Importance scores: weights -> scores of the same shapes. The lowest scores are pruned first.

A criterion is one pure function `(weight, generator) -> scores`. Whatever it draws comes from `generator`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from prunesweep.imports import locate

if TYPE_CHECKING:
    from torch import Generator, Tensor

Criterion = Callable[["Tensor", "Generator"], "Tensor"]


def l1(weight: Tensor, generator: Generator) -> Tensor:  # noqa: ARG001
    """|w|: magnitude. Source: Han, Pool, Tran, Dally, "Learning both weights and connections" (2015), section 3."""
    return weight.abs()


def l2(weight: Tensor, generator: Generator) -> Tensor:  # noqa: ARG001
    """w^2. For single weights it ranks as `l1` does."""
    return weight.square()


def random(weight: Tensor, generator: Generator) -> Tensor:
    """Uniform noise: the control that every criterion has to beat."""
    import torch

    return torch.rand(weight.shape, generator=generator).to(weight)


CRITERIA: dict[str, Criterion] = {function.__name__: function for function in (l1, l2, random)}


def find(name: str, target: str | None) -> Criterion:
    """The criterion called `name`; for `custom`, the user's own function at the import path `target`."""
    if name == "custom":
        function: Criterion = locate("prune.target", target or "")
        return function
    return CRITERIA[name]
