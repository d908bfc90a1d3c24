import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prunesweep.pruning.penalties import GATES, PENALTIES, default_strength, group, hoyer, l1, names

WEIGHT, BIAS = torch.tensor([[3.0, -4.0], [0.0, 0.0], [1.0, 1.0]]), torch.tensor([-2.0, 0.0, 1.0])


def test_the_lasso_by_hand() -> None:
    assert l1([WEIGHT, BIAS]).item() == 9 + 3


def test_the_group_lasso_by_hand() -> None:
    # Rows of two weights count sqrt(2) times their norm; each bias is a group of its own.
    assert group([WEIGHT, BIAS]).item() == pytest.approx(2**0.5 * (5 + 2**0.5) + 3)
    assert group([torch.ones(1, 3, 1, 1)]).item() == pytest.approx(3)


def test_hoyer_square_by_hand() -> None:
    assert hoyer([WEIGHT, BIAS]).item() == pytest.approx(81 / 27 + 9 / 5)
    assert hoyer([WEIGHT, torch.zeros(3)]).item() == pytest.approx(3)


@given(st.lists(st.floats(0.125, 8), min_size=6, max_size=6), st.integers(1, 6), st.sampled_from([0.5, 2.0, -3.0]))
def test_hoyer_square_counts_equal_weights_and_ignores_their_scale(
    values: list[float], count: int, scale: float
) -> None:
    weights = torch.tensor(values)
    assert hoyer([scale * weights]).item() == pytest.approx(hoyer([weights]).item(), rel=1e-4)
    equal = torch.zeros(6).index_fill(0, torch.arange(count), scale)
    assert hoyer([equal]).item() == pytest.approx(count)


@pytest.mark.parametrize("name", PENALTIES)
def test_the_gradient_is_finite_for_any_weights_and_0_for_a_weight_of_0(name: str) -> None:
    for weights in (WEIGHT, torch.zeros(3, 2)):
        parameter = weights.clone().requires_grad_()
        PENALTIES[name].of([parameter]).backward()
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all()
        assert not parameter.grad[1].any()


def test_every_penalty_has_a_name_a_source_and_a_strength() -> None:
    assert names() == ["l1", "group", "hoyer", GATES]
    assert all(default_strength(name) > 0 for name in names())
    assert all(penalty.source for penalty in PENALTIES.values())
