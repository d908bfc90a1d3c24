import math

import pytest
import torch
from torch import nn

from prunesweep.training.hard_concrete import HardConcrete, expected_open, gated, gates_of


def gate(*log_alphas: float) -> HardConcrete:
    return HardConcrete(torch.tensor(log_alphas))


def test_gates_without_noise_by_hand() -> None:
    # sigmoid(log_alpha) from -0.1 to 1.1, cut off at 0 and 1.
    found = gate(0.0, math.log(3), -9.0, 9.0, -math.log(11)).eval().gates()
    assert found.tolist() == pytest.approx([0.5, 0.8, 0.0, 1.0, 0.0], abs=1e-6)
    assert (found[2], found[3]) == (0, 1)


def test_the_probability_of_an_open_gate_by_hand() -> None:
    # sigmoid(log_alpha - 2/3 log(0.1 / 1.1))
    assert gate(0.0).open().item() == pytest.approx(1 / (1 + 11 ** (-2 / 3)))


def test_random_gates_are_open_as_often_as_their_probability_says() -> None:
    gates = HardConcrete(torch.full((20_000,), -1.0))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn = gates.gates()
    assert 0 <= drawn.min() < drawn.max() <= 1
    assert (drawn > 0).double().mean().item() == pytest.approx(gates.open()[0].item(), abs=0.01)
    assert (drawn == 1).any()


def test_within_the_context_the_network_computes_with_gated_weights() -> None:
    layer = nn.Linear(2, 1, bias=False)
    layer.weight.data = torch.tensor([[2.0, 3.0]])
    weight, gates = layer.weight, HardConcrete(torch.tensor([[0.0, -9.0]]))
    with gated(layer, {"weight": gates}):
        layer.eval()
        assert layer(torch.ones(1, 2)).item() == pytest.approx(1.0)
        assert gates_of(layer) == [gates]
        expected_open(layer).backward()
    assert layer.weight is weight
    assert gates_of(layer) == []
    assert gates.log_alpha.grad is not None
    assert (gates.log_alpha.grad > 0).all()
