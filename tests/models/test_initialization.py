import math

import pytest
import torch
from torch import nn

from prunesweep.errors import UsageError
from prunesweep.models.build import build
from prunesweep.models.initialization import INITIALIZATIONS, initialize
from prunesweep.models.settings import DEFAULT_INIT, INITS, ConvLeNet, CustomModel, LeNet300100

GREY = (1, 28, 28)
INPUTS, OUTPUTS = 4 * 25, 400 * 25
"""Inputs of a unit of the convolution below, and outputs of one of its inputs."""
VARIANCE = {"lecun": 1 / INPUTS, "glorot": 2 / (INPUTS + OUTPUTS), "he": 2 / INPUTS}


def test_the_setting_names_each_initialization() -> None:
    assert (DEFAULT_INIT, *INITIALIZATIONS) == INITS


@pytest.mark.parametrize("name", INITIALIZATIONS)
def test_weights_have_the_variance_and_the_shape_of_their_distribution(name: str) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(4, 400, 5)
    initialize(layer, name)
    family, _, distribution = name.partition("_")
    deviation = math.sqrt(VARIANCE[family])
    assert layer.weight.mean().item() == pytest.approx(0, abs=0.02 * deviation)
    assert layer.weight.std().item() == pytest.approx(deviation, rel=0.02)
    bound = math.sqrt(3) * deviation
    assert (layer.weight.abs().max().item() <= bound) == (distribution == "uniform")
    assert layer.bias is not None
    assert not layer.bias.any()


def test_other_layers_and_computed_weights_stay() -> None:
    network = nn.Sequential(
        nn.Linear(3, 3, bias=False),
        nn.utils.parametrizations.weight_norm(nn.Linear(3, 3)),
        nn.BatchNorm1d(3),
        nn.PReLU(),
    )
    before = {name: value.clone() for name, value in network.state_dict().items()}
    initialize(network, "he_normal")
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"0.weight"}


def test_the_settings_choose_the_initialization() -> None:
    torch.manual_seed(0)
    drawn = build(LeNet300100(init="he_uniform"), GREY, 10).state_dict()
    torch.manual_seed(0)
    default = build(LeNet300100(), GREY, 10)
    assert default.get_parameter("fc1.bias").any()
    initialize(default, "he_uniform")
    assert all(torch.equal(value, drawn[name]) for name, value in default.state_dict().items())


@pytest.mark.parametrize(
    ("name", "near"),
    [("glorot_norml", "glorot_normal"), ("kaiming_uniform", "he_uniform"), ("xavier", "glorot_uniform")],
)
def test_an_unknown_initialization_is_refused(name: str, near: str) -> None:
    for settings in (LeNet300100, ConvLeNet, lambda init: CustomModel(target="mine.Net", init=init)):
        with pytest.raises(UsageError, match=f"model.init={name}: must be one of default, lecun_.*mean '{near}'"):
            settings(init=name)


def test_given_weights_are_not_drawn() -> None:
    LeNet300100(weights="trained.pt")
    with pytest.raises(UsageError, match="model.init=he_normal: model.weights gives the weights"):
        LeNet300100(weights="trained.pt", init="he_normal")
