import pytest
import torch
from torch import nn

from prunesweep.pruning.penalties import group, hoyer, l1
from prunesweep.training.shrink import shrink


def shrunk(values: list[list[float]], penalty, rate: float) -> torch.Tensor:  # type: ignore[no-untyped-def]
    parameter = nn.Parameter(torch.tensor(values))
    shrink([parameter], penalty, rate)
    assert parameter.grad is None
    return parameter.detach()


def test_the_lasso_shrinks_every_weight_by_the_rate_down_to_exactly_0() -> None:
    assert shrunk([[0.5, -0.5, 0.1, -0.1, 0.0]], l1, 0.25).tolist() == [[0.25, -0.25, 0.0, 0.0, 0.0]]


def test_a_group_shrinks_towards_0_and_becomes_0_as_a_whole() -> None:
    # sqrt(2) times the rate is subtracted from the norms 5 and 0.5.
    found = shrunk([[3.0, -4.0], [0.3, 0.4], [0.0, 0.0]], group, 0.5)
    assert torch.allclose(found[0], torch.tensor([3.0, -4.0]) * (1 - 0.5 * 2**0.5 / 5))
    assert not found[1:].any()


def test_hoyer_square_shrinks_small_weights_and_lets_large_ones_grow() -> None:
    # With sums S1 = 6 and S2 = 26, the gradient is 2 S1 (S2 - |w| S1) / S2^2: below 0 for |w| > 26 / 6.
    found = shrunk([[5.0, -1.0]], hoyer, 0.1)
    assert found.tolist() == [[pytest.approx(5 + 0.1 * 12 * 4 / 676), pytest.approx(-1 + 0.1 * 12 * 20 / 676)]]
