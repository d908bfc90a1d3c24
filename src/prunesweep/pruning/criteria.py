"""Importance scores, one a weight. The lowest scores are pruned first.

A criterion is one pure function `(evidence) -> scores` of the shape of `evidence.weight`; what it may look at is
listed in `evidence.py`. Whatever it draws comes from `evidence.generator`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from prunesweep.code.locate import locate
from prunesweep.pruning.scoring import ParameterView

if TYPE_CHECKING:
    from torch import Tensor

Criterion = Callable[[ParameterView], "Tensor"]


def l1(of: ParameterView) -> Tensor:
    """|w|: magnitude. Source: Han, Pool, Tran, Dally, "Learning both weights and connections" (2015), section 3."""
    return of.weight.abs()


def l2(of: ParameterView) -> Tensor:
    """w^2. Ranks single weights as `l1` does; sums over a channel differ."""
    return of.weight.square()


def random(of: ParameterView) -> Tensor:
    """Uniform noise: the control that every criterion has to beat."""
    import torch

    return torch.rand(of.weight.shape, generator=of.generator).to(of.weight)


def lamp(of: ParameterView) -> Tensor:
    """w^2 over the sum of all squares in the layer that are not smaller: magnitude made comparable between layers.

    Source: Lee, Park, Mo, Ahn, Shin, "Layer-adaptive sparsity for the magnitude-based pruning" (2021), eq. 3.
    """
    import torch

    squares = of.weight.square().flatten()
    order = squares.argsort(descending=True, stable=True)
    scores = torch.empty_like(squares)
    scores[order] = squares[order] / squares[order].cumsum(0)
    return scores.nan_to_num(0).view(of.weight.shape)  # 0/0: a layer whose weights are all zero


def snip(of: ParameterView) -> Tensor:
    """|w g|: the change of the loss, to first order, when the weight goes.

    Source: Lee, Ajanthan, Torr, "SNIP: single-shot network pruning based on connection sensitivity" (2019), eq. 6.
    """
    return (of.weight * of.gradient).abs()


def taylor(of: ParameterView) -> Tensor:
    """(w g)^2, averaged over the batches.

    Source: Molchanov, Mallya, Tyree, Frosio, Kautz, "Importance estimation for neural network pruning" (2019), eq. 8.
    """
    return of.weight.square() * of.squared_gradient


def obd(of: ParameterView) -> Tensor:
    """w^2 h / 2, the diagonal h of the Hessian estimated by the empirical Fisher information.

    Source: LeCun, Denker, Solla, "Optimal brain damage" (1990), eq. 5.
    """
    return of.weight.square() * of.fisher / 2


def grasp(of: ParameterView) -> Tensor:
    """The product w (H g): low where the weight's removal lets more gradient flow. Logits are divided by 200.

    The temperature is that of the authors' code.

    Source: Wang, Zhang, Grosse, "Picking winning tickets before training by preserving gradient flow" (2020), eq. 8.
    """
    return of.weight * of.hessian_gradient


def synflow(of: ParameterView) -> Tensor:
    """|w| dR/d|w|: the synaptic flow through the weight, without data; made to be iterated (prune.iterations=100).

    Source: Tanaka, Kunin, Yamins, Ganguli, "Pruning neural networks without any data by iteratively conserving
    synaptic flow" (2020), eq. 2 and algorithm 1.
    """
    return of.weight.abs() * of.flow


CRITERIA: dict[str, Criterion] = {
    function.__name__: function for function in (l1, l2, random, lamp, snip, taylor, obd, grasp, synflow)
}
ON_DATA = ("snip", "taylor", "obd", "grasp", "custom")
"""Those that look at training data; a user's own may."""


def find(name: str, target: str | None) -> Criterion:
    """The criterion called `name`; for `custom`, the user's own function at the import path `target`."""
    if name == "custom":
        function: Criterion = locate("prune.target", target or "")
        return function
    return CRITERIA[name]
