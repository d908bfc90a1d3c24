import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from prunesweep.errors import UsageError
from prunesweep.models.build import BUILDERS, build
from prunesweep.models.settings import (
    MODELS,
    ConvLeNet,
    CustomModel,
    LeNet5,
    LeNet5Caffe,
    LeNet300100,
    Model,
    Shape,
)

GREY, COLOR = (1, 28, 28), (3, 32, 32)


class Net(nn.Module):
    def __init__(self, width: int = 4, classes: int = 10) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(784, width), nn.Linear(width, classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)


def test_each_network_has_settings_and_a_builder() -> None:
    assert set(BUILDERS) == set(MODELS)


@pytest.mark.parametrize(
    ("model", "shape", "parameters"),
    [
        (LeNet5(), GREY, 61_706),
        (LeNet5(), COLOR, 62_006),
        (LeNet5Caffe(), GREY, 431_080),
        (LeNet300100(), GREY, 266_610),
        (ConvLeNet(), GREY, 159_538),
        (ConvLeNet(), (1, 32, 32), 159_538),
        (ConvLeNet(), COLOR, 159_970),
    ],
)
def test_parameter_counts_and_output_shape(model: Model, shape: Shape, parameters: int) -> None:
    network = build(model, shape, 10)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    assert network(torch.zeros(2, *shape)).shape == (2, 10)


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (LeNet5(), "conv1 conv2 fc1 fc2 fc3"),
        (LeNet5Caffe(), "conv1 conv2 fc1 fc2"),
        (LeNet300100(), "fc1 fc2 fc3"),
        (ConvLeNet(), "conv1 conv2 conv3 conv4 fc"),
    ],
)
def test_layer_names(model: Model, names: str) -> None:
    network = build(model, GREY, 10)
    assert [name for name, module in network.named_children() if list(module.parameters())] == names.split()


def test_pooling_before_relu_gives_the_same_values() -> None:
    x = torch.randn(3, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    pool, relu = nn.MaxPool2d(2), nn.ReLU()
    assert torch.equal(relu(pool(x)), pool(relu(x)))


@pytest.mark.parametrize("conv_relu", [False, True])
def test_conv_relu_adds_relu_after_the_convolutions(conv_relu: bool) -> None:
    network = build(LeNet5Caffe(conv_relu=conv_relu), GREY, 10)
    assert isinstance(network.act1, nn.ReLU) == conv_relu
    assert isinstance(network.act2, nn.ReLU) == conv_relu


def test_widths_set_the_channels_of_the_convolutions() -> None:
    network = build(ConvLeNet(widths=[1, 2, 3, 4]), GREY, 10)
    assert [network.get_submodule(f"conv{number}").out_channels for number in range(1, 5)] == [1, 2, 3, 4]


def test_a_custom_network_is_built_with_its_keyword_arguments() -> None:
    network = build(CustomModel(target=f"{__name__}.Net", kwargs={"width": 7}), GREY, 10)
    assert network.body[1].out_features == 7


@pytest.mark.parametrize(
    ("target", "kwargs", "message"),
    [
        ("Net", {}, "model.target=Net: must be an import path"),
        ("nowhere.Net", {}, "model.target=nowhere.Net: cannot be imported"),
        (f"{__name__}.Net", {"widht": 3}, r"cannot be built with model.kwargs=\{'widht': 3\}"),
        ("builtins.dict", {}, "returned dict, not a torch.nn.Module"),
    ],
)
def test_an_unusable_custom_target_is_refused(target: str, kwargs: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build(CustomModel(target=target, kwargs=kwargs), GREY, 10)


@given(
    st.sampled_from([LeNet5(), LeNet5Caffe(), LeNet300100(), ConvLeNet(widths=[2, 2, 2, 2])]),
    st.tuples(st.integers(1, 4), st.integers(1, 40), st.integers(1, 40)),
    st.integers(2, 12),
)
@settings(max_examples=40)
def test_images_of_any_shape_are_classified_or_refused(model: Model, shape: Shape, classes: int) -> None:
    needed = {"lenet5": 12, "lenet5_caffe": 16}.get(model.name, 1)
    if min(shape[1:]) < needed:
        with pytest.raises(
            UsageError, match=rf"images of {shape[1]}x{shape[2]} pixels are too small.*{needed}x{needed}"
        ):
            build(model, shape, classes)
    else:
        with torch.inference_mode():
            assert build(model, shape, classes)(torch.zeros(2, *shape)).shape == (2, classes)
