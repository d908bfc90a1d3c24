"""Criteria: functions that score each weight of a parameter. The lowest scores are pruned first.

To add a criterion, write a function of a `ParameterView` (see `scoring.py` for what it provides) that returns scores
of the shape of `of.weight`, and register it with `@criterion`. It must be deterministic: random numbers come from
`of.noise()`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunesweep.code.locate import locate

if TYPE_CHECKING:  # settings import this module, and they must not import torch
    from torch import Tensor

    from prunesweep.pruning.scoring import ParameterView

Score = Callable[["ParameterView"], "Tensor"]


@dataclass(frozen=True)
class Criterion:
    """A criterion.

    Attributes:
        score: The function that returns the scores of one parameter.
        source: The paper and the equation; empty for a criterion of the user's own.
        needs_data: Whether it uses training examples. Other criteria cannot access them.
        needs_initial: Whether it uses the initial weights.
        needs_movement: Whether it uses sums over the training steps so far, which the training then records.
        needs_inputs: Whether it uses the inputs of the layers.
    """

    score: Score
    source: str
    needs_data: bool
    needs_initial: bool = False
    needs_movement: bool = False
    needs_inputs: bool = False


CRITERIA: dict[str, Criterion] = {}
"""Name -> criterion."""


def criterion(source: str, *, needs_data: bool = False, **needs: bool) -> Callable[[Score], Score]:
    """Register the decorated function under its own name. `needs` are further fields of `Criterion`."""

    def register(score: Score) -> Score:
        CRITERIA[score.__name__] = Criterion(score, source, needs_data, **needs)
        return score

    return register


def find(name: str, target: str | None) -> Criterion:
    """Return the criterion `name`; for `custom`, the user's own function at the import path `target`.

    A function of the user's can use the examples and the initial weights.
    """
    if name != "custom":
        return CRITERIA[name]
    return Criterion(locate("prune.target", target or ""), "", needs_data=True, needs_initial=True)


@criterion("Han, Pool, Tran, Dally, 'Learning both weights and connections' (2015), section 3")
def l1(of: ParameterView) -> Tensor:
    """Return |w|, the magnitude."""
    return of.weight.abs()


@criterion("Han, Pool, Tran, Dally, 'Learning both weights and connections' (2015), section 3")
def l2(of: ParameterView) -> Tensor:
    """Return w^2. Ranks single weights as `l1` does; sums over a channel differ."""
    return of.weight.square()


@criterion("the control of every criterion")
def random(of: ParameterView) -> Tensor:
    """Return uniform noise."""
    return of.noise()


@criterion("Lee, Park, Mo, Ahn, Shin, 'Layer-adaptive sparsity for the magnitude-based pruning' (2021), eq. 3")
def lamp(of: ParameterView) -> Tensor:
    """Return w^2 divided by the sum of all squares in the layer that are not smaller: comparable between layers."""
    squares = of.weight.square().flatten()
    order = squares.argsort(descending=True, stable=True)
    scores = squares.clone()
    scores[order] = squares[order] / squares[order].cumsum(0)
    return scores.nan_to_num(0).view(of.weight.shape)  # 0/0 in a layer whose weights are all zero


@criterion(
    "Lee, Ajanthan, Torr, 'SNIP: single-shot network pruning based on connection sensitivity' (2019), eq. 6",
    needs_data=True,
)
def snip(of: ParameterView) -> Tensor:
    """Return |w g|: to first order, the change of the loss when the weight is removed."""
    return (of.weight * of.gradient).abs()


@criterion(
    "Molchanov, Mallya, Tyree, Frosio, Kautz, 'Importance estimation for neural network pruning' (2019), eq. 8",
    needs_data=True,
)
def taylor(of: ParameterView) -> Tensor:
    """Return (w g)^2, averaged over the batches."""
    return of.weight.square() * of.squared_gradient


@criterion("LeCun, Denker, Solla, 'Optimal brain damage' (1990), eq. 5", needs_data=True)
def obd(of: ParameterView) -> Tensor:
    """Return w^2 h / 2, with the diagonal h of the Hessian estimated by the empirical Fisher information."""
    return of.weight.square() * of.fisher / 2


@criterion(
    "Wang, Zhang, Grosse, 'Picking winning tickets before training by preserving gradient flow' (2020), eq. 8",
    needs_data=True,
)
def grasp(of: ParameterView) -> Tensor:
    """Return w (H g): low if removing the weight increases the gradient flow.

    The logits are divided by 200, the temperature of the authors' code.
    """
    return of.weight * of.hessian_gradient


@criterion(
    "Tanaka, Kunin, Yamins, Ganguli, 'Pruning neural networks without any data by iteratively conserving synaptic "
    "flow' (2020), eq. 2 and algorithm 1"
)
def synflow(of: ParameterView) -> Tensor:
    """Return |w| dR/d|w|, the synaptic flow through the weight. Intended for many passes (prune.iterations=100)."""
    return of.weight.abs() * of.flow


@criterion(
    "Zhou, Lan, Liu, Yosinski, 'Deconstructing lottery tickets: zeros, signs, and the supermask' (2019), section 2.2",
    needs_initial=True,
)
def magnitude_increase(of: ParameterView) -> Tensor:
    """Return |w| - |w0|, where w0 is the initial weight."""
    return of.weight.abs() - of.initial.abs()


@criterion(
    "Sanh, Wolf, Rush, 'Movement pruning: adaptive sparsity by fine-tuning' (2020), eq. 3",
    needs_movement=True,
)
def movement(of: ParameterView) -> Tensor:
    """Return -sum(w g) over the training steps so far: high if training moved the weight away from zero."""
    return of.movement


@criterion(
    "Sun, Liu, Bair, Kolter, 'A simple and effective pruning approach for large language models' (2023), eq. 1",
    needs_data=True,
    needs_inputs=True,
)
def wanda(of: ParameterView) -> Tensor:
    """Return |w| times the L2 norm of the input that it multiplies. Intended for `prune.scope=output`."""
    return of.weight.abs() * of.input_norm
