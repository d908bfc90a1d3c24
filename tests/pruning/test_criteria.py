from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from support import ROOT
from torch import nn

from prunesweep.chain.seeding import generator_of
from prunesweep.data.datasets import Split
from prunesweep.errors import UsageError
from prunesweep.pruning import criteria
from prunesweep.pruning.criteria import CRITERIA, Criterion, criterion, find
from prunesweep.pruning.scoring import NetworkView, ParameterView, Sample

W = [1.0, -3.0, 0.5, -2.0]
IMAGE = (2, 6, 6)


def of(**quantities: Any) -> ParameterView:
    """Return a view of only the quantities that the criterion under test should use, each as a tensor."""
    return cast(ParameterView, SimpleNamespace(**{key: torch.tensor(value) for key, value in quantities.items()}))


def network(*, data: bool, seed: int = 0) -> NetworkView:
    """Return the view of a small network with a convolution and a linear layer, with examples if `data`."""
    generator = generator_of(seed)
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 5))
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    split = Split(torch.randn(8, *IMAGE, generator=generator), torch.arange(8) % 5)
    parameters = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    sample = Sample(lambda: split, 4) if data else None
    initial, movement = ({name: value * scale for name, value in parameters.items()} for scale in (0.5, 2.0))
    return NetworkView(model, list(parameters), IMAGE, sample, generator, initial, movement)


def all_scores(score: criteria.Score, view: NetworkView) -> dict[str, torch.Tensor]:
    return {name: score(view.of(name)) for name in view.names}


# Every registered criterion


@pytest.mark.parametrize("name", CRITERIA)
def test_each_criterion_has_a_config_option_and_a_source(name: str) -> None:
    assert (ROOT / "conf" / "prune" / f"{name}.yaml").exists()
    assert CRITERIA[name].source
    assert CRITERIA[name].score.__doc__


def test_each_config_option_has_a_criterion() -> None:
    options = {path.stem for path in (ROOT / "conf" / "prune").glob("*.yaml")}
    assert options == {*CRITERIA, "none", "custom", "random_layerwise"}


@pytest.mark.parametrize("name", CRITERIA)
def test_scores_are_numbers_of_the_shape_of_the_parameter(name: str) -> None:
    view = network(data=CRITERIA[name].needs_data)
    for parameter, scores in all_scores(CRITERIA[name].score, view).items():
        assert scores.shape == view.parameters[parameter].shape
        assert torch.isfinite(scores).all()


@pytest.mark.parametrize("name", CRITERIA)
def test_scores_can_be_repeated_and_use_no_global_random_state(name: str) -> None:
    views = [network(data=True) for _ in range(2)]
    before = torch.random.get_rng_state()
    one, other = (all_scores(CRITERIA[name].score, view) for view in views)
    assert all(torch.equal(one[parameter], other[parameter]) for parameter in one)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("name", CRITERIA)
def test_scoring_does_not_modify_the_network(name: str) -> None:
    view, untouched = network(data=True), network(data=True)
    all_scores(CRITERIA[name].score, view)
    for parameter, value in view.parameters.items():
        assert torch.equal(value, untouched.parameters[parameter])
        assert value.grad is None


@pytest.mark.parametrize("name", CRITERIA)
def test_only_criteria_that_need_data_can_use_gradients(name: str) -> None:
    if CRITERIA[name].needs_data:
        with pytest.raises(UsageError, match="registered without needs_data=True cannot use gradients"):
            all_scores(CRITERIA[name].score, network(data=False))
    else:
        assert all_scores(CRITERIA[name].score, network(data=False))


# The registry


def test_the_decorator_registers_a_function_under_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    registry: dict[str, Criterion] = {}
    monkeypatch.setattr(criteria, "CRITERIA", registry)

    @criterion("a paper, eq. 1", needs_data=True)
    def mine(of: ParameterView) -> torch.Tensor:
        return of.weight

    assert registry == {"mine": Criterion(mine, "a paper, eq. 1", needs_data=True)}


def test_a_criterion_is_found_by_name_or_by_import_path() -> None:
    assert find("l1", None) is CRITERIA["l1"]
    custom = find("custom", "prunesweep.pruning.criteria.l2")
    assert custom == Criterion(criteria.l2, "", needs_data=True, needs_initial=True)
    with pytest.raises(UsageError, match="prune.target=nope.score"):
        find("custom", "nope.score")


# Each criterion, by hand


def test_l1_is_the_magnitude() -> None:
    assert criteria.l1(of(weight=W)).tolist() == [1.0, 3.0, 0.5, 2.0]


def test_l2_is_the_square() -> None:
    assert criteria.l2(of(weight=W)).tolist() == [1.0, 9.0, 0.25, 4.0]


def test_lamp_divides_by_the_sum_of_squares_that_are_not_smaller() -> None:
    expected = [1 / 14, 1.0, 0.25 / 14.25, 4 / 13]  # of the squares 1, 9, 0.25, 4
    assert criteria.lamp(of(weight=W)).tolist() == pytest.approx(expected)
    assert criteria.lamp(of(weight=[[1.0], [2.0]])).tolist() == [[pytest.approx(1 / 5)], [1.0]]


def test_lamp_of_pruned_weights_is_zero() -> None:
    assert criteria.lamp(of(weight=[0.0, 2.0])).tolist() == [0.0, 1.0]
    assert criteria.lamp(of(weight=[0.0, 0.0])).tolist() == [0.0, 0.0]


def test_snip_is_the_magnitude_of_weight_times_gradient() -> None:
    assert criteria.snip(of(weight=W, gradient=[2.0, 1.0, -4.0, 0.0])).tolist() == [2.0, 3.0, 2.0, 0.0]


def test_taylor_is_the_square_times_the_mean_squared_gradient() -> None:
    assert criteria.taylor(of(weight=W, squared_gradient=[1.0, 2.0, 4.0, 0.0])).tolist() == [1.0, 18.0, 1.0, 0.0]


def test_obd_is_half_the_square_times_the_curvature() -> None:
    assert criteria.obd(of(weight=W, fisher=[1.0, 2.0, 4.0, 0.0])).tolist() == [0.5, 9.0, 0.5, 0.0]


def test_grasp_keeps_its_sign() -> None:
    scores = criteria.grasp(of(weight=W, hessian_gradient=[1.0, 1.0, -4.0, -1.0]))
    assert scores.tolist() == [1.0, -3.0, -2.0, 2.0]


def test_synflow_is_the_flow_through_the_absolute_weight() -> None:
    assert criteria.synflow(of(weight=W, flow=[1.0, 1.0, 4.0, 0.0])).tolist() == [1.0, 3.0, 2.0, 0.0]


def test_magnitude_increase_is_negative_for_weights_that_shrank() -> None:
    scores = criteria.magnitude_increase(of(weight=W, initial=[0.5, 4.0, -0.5, 0.0]))
    assert scores.tolist() == [0.5, -1.0, 0.0, 2.0]


def test_movement_is_what_training_recorded() -> None:
    assert criteria.movement(of(weight=W, movement=[2.0, -1.0, 0.0, 3.0])).tolist() == [2.0, -1.0, 0.0, 3.0]


def test_wanda_is_the_magnitude_times_the_norm_of_the_input() -> None:
    assert criteria.wanda(of(weight=W, input_norm=[2.0, 1.0, 4.0, 0.0])).tolist() == [2.0, 3.0, 2.0, 0.0]


def test_random_depends_on_the_seed() -> None:
    one, other = (all_scores(criteria.random, network(data=False, seed=seed)) for seed in (1, 2))
    assert not any(torch.equal(one[name], other[name]) for name in one)
