"""Training epochs with random gates of the weights and a penalty of their expected number of open gates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn, optim

from prunesweep.chain.context import Context
from prunesweep.chain.penalty_epoch import PenaltyEpoch
from prunesweep.chain.state import State
from prunesweep.chain.train_epoch import Within, unwrapped
from prunesweep.training.hard_concrete import START, HardConcrete, expected_open, gated, gates_of
from prunesweep.training.loop import nothing
from prunesweep.training.objectives import Objective, penalized

GATE_LR = 0.05
"""The learning rate of the gates. They are trained by Adam, because their gradients are small in any other measure."""


@dataclass(frozen=True)
class GateEpoch(PenaltyEpoch):
    """A penalty epoch with a gate for each selected weight.

    The state holds the weights without noise: the product of the values before the gates, in `dense`, and the gates in
    evaluation, whose parameters are in `gates`. The moments of the gates' Adam start again with each epoch.
    """

    def train(self, state: State, context: Context, within: Within = unwrapped) -> tuple[State, float, float]:
        if not self.strength:
            return super().train(state, context, within)
        gates = {name: HardConcrete(_log_alpha(state, name)) for name in self.layers}
        before = replace(state, weights={**state.weights, **state.dense})
        after, loss, seconds = super().train(before, context, lambda model: gated(model, gates))
        dense = {name: after.weights[name] for name in self.layers}
        with torch.no_grad():
            weights = {name: dense[name] * gate.eval().gates() for name, gate in gates.items()}
        log_alphas = {name: gate.log_alpha.detach() for name, gate in gates.items()}
        return replace(after, weights={**after.weights, **weights}, dense=dense, gates=log_alphas), loss, seconds

    def objective(self, context: Context) -> Objective:
        plain = super().objective(context)
        return penalized(plain, expected_open, self.strength) if self.strength else plain

    def before_step(self, model: nn.Module, optimizer: optim.Optimizer, context: Context) -> Callable[[], None]:
        if not self.strength:
            return super().before_step(model, optimizer, context)
        adam = optim.Adam([gate.log_alpha for gate in gates_of(model)], GATE_LR)

        def step_gates() -> None:
            adam.step()
            adam.zero_grad()

        return step_gates

    def after_step(self, model: nn.Module) -> Callable[[], None]:  # noqa: ARG002
        return nothing


def _log_alpha(state: State, name: str) -> Tensor:
    return state.gates[name] if name in state.gates else torch.full_like(state.weights[name], START)
