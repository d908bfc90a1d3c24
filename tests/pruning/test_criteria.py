from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from prunesweep.chain.seeding import generator_of
from prunesweep.errors import UsageError
from prunesweep.pruning import criteria
from prunesweep.pruning.scoring import ParameterView


def evidence(**quantities: Any) -> ParameterView:
    """Only what the criterion under test should look at, each as a tensor."""
    told = {key: torch.tensor(value) if isinstance(value, list) else value for key, value in quantities.items()}
    return cast(ParameterView, SimpleNamespace(**told))


W = [1.0, -3.0, 0.5, -2.0]


def test_l1_is_the_magnitude() -> None:
    assert criteria.l1(evidence(weight=W)).tolist() == [1.0, 3.0, 0.5, 2.0]


def test_l2_is_its_square() -> None:
    assert criteria.l2(evidence(weight=W)).tolist() == [1.0, 9.0, 0.25, 4.0]


def test_lamp_divides_by_the_squares_that_are_not_smaller() -> None:
    expected = [1 / 14, 1.0, 0.25 / 14.25, 4 / 13]  # of the squares 1, 9, 0.25, 4
    assert criteria.lamp(evidence(weight=W)).tolist() == pytest.approx(expected)
    assert criteria.lamp(evidence(weight=[[1.0], [2.0]])).tolist() == [[pytest.approx(1 / 5)], [1.0]]


def test_lamp_of_pruned_weights_is_zero() -> None:
    assert criteria.lamp(evidence(weight=[0.0, 2.0])).tolist() == [0.0, 1.0]
    assert criteria.lamp(evidence(weight=[0.0, 0.0])).tolist() == [0.0, 0.0]


def test_snip_is_weight_times_gradient() -> None:
    assert criteria.snip(evidence(weight=W, gradient=[2.0, 1.0, -4.0, 0.0])).tolist() == [2.0, 3.0, 2.0, 0.0]


def test_taylor_takes_the_mean_of_the_squares() -> None:
    assert criteria.taylor(evidence(weight=W, squared_gradient=[1.0, 2.0, 4.0, 0.0])).tolist() == [1.0, 18.0, 1.0, 0.0]


def test_obd_is_half_the_square_times_the_curvature() -> None:
    assert criteria.obd(evidence(weight=W, fisher=[1.0, 2.0, 4.0, 0.0])).tolist() == [0.5, 9.0, 0.5, 0.0]


def test_grasp_keeps_its_sign() -> None:
    assert criteria.grasp(evidence(weight=W, hessian_gradient=[1.0, 1.0, -4.0, -1.0])).tolist() == [
        1.0,
        -3.0,
        -2.0,
        2.0,
    ]


def test_synflow_is_the_flow_through_the_absolute_weight() -> None:
    assert criteria.synflow(evidence(weight=W, flow=[1.0, 1.0, 4.0, 0.0])).tolist() == [1.0, 3.0, 2.0, 0.0]


def test_random_draws_from_the_generator_alone() -> None:
    def drawn(seed: int) -> torch.Tensor:
        return criteria.random(evidence(weight=W, generator=generator_of(seed)))

    before = torch.random.get_rng_state()
    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
    assert torch.equal(before, torch.random.get_rng_state())


def test_every_criterion_has_its_option() -> None:
    from support import ROOT

    options = {path.stem for path in (ROOT / "conf" / "prune").glob("*.yaml")}
    assert options == {*criteria.CRITERIA, "none", "custom", "random_layerwise"}


def test_found_by_name_or_by_import_path() -> None:
    assert criteria.find("l1", None) is criteria.l1
    assert criteria.find("custom", "prunesweep.pruning.criteria.l2") is criteria.l2
    with pytest.raises(UsageError, match="prune.target=nope.score"):
        criteria.find("custom", "nope.score")
