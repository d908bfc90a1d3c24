import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from prunesweep.errors import UsageError
from prunesweep.models.build import build
from prunesweep.models.settings import ConvLeNet, LeNet5, LeNet5Caffe, LeNet300100, Model
from prunesweep.quantization.integer import IntegerNetwork, calibrate, supported

SHAPE = (1, 28, 28)


def images(count: int = 20) -> torch.Tensor:
    return torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(1)) * 3 - 0.4


def built(model: Model) -> nn.Module:
    torch.manual_seed(0)
    return build(model, SHAPE, 10).eval()


@pytest.mark.parametrize("model", [LeNet5(), LeNet5Caffe(), LeNet300100(), ConvLeNet(widths=[4, 4, 4, 4])])
def test_the_networks_compute_about_the_same_with_integers(model: Model) -> None:
    network = built(model)
    scales = calibrate(network, images())
    expected, found = network(images()).detach(), IntegerNetwork(network, scales)(images())
    assert (found - expected).abs().max() < 0.05 * expected.abs().max()
    assert found.dtype == torch.float32
    json.dumps(IntegerNetwork(network, scales).describe())


class Curves(nn.Sequential):
    def __init__(self, last: nn.Module) -> None:
        layers = [nn.Conv2d(1, 3, 5, 2), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(108, 6), nn.Sigmoid()]
        super().__init__(*layers, nn.Dropout(), nn.Linear(6, 10), last)


@pytest.mark.parametrize("last", [nn.Identity(), nn.ReLU(), nn.Tanh()])
def test_curves_and_averages(last: nn.Module) -> None:
    torch.manual_seed(0)
    network = Curves(last).eval()
    expected = network(images()).detach()
    found = IntegerNetwork(network, calibrate(network, images()))(images())
    assert (found - expected).abs().max() < 0.03


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6))
def test_sums_do_not_depend_on_the_batch(seed: int) -> None:
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 26 * 26, 3)).eval()
    program = IntegerNetwork(network, calibrate(network, images(3)))
    assert torch.equal(program(images(4)), torch.cat([program(image[None]) for image in images(4)]))


def test_the_input_is_rounded_half_to_even_and_limited() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    program = IntegerNetwork(network, [0.5])
    assert program.quantize(torch.tensor([0.25, 0.75, -0.25, 1000.0, -1000.0])).tolist() == [0, 2, 0, 127, -127]


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (nn.BatchNorm2d(1), r"layer 0 \(BatchNorm2d\) does not directly follow a convolution or a linear layer"),
        (nn.GELU(), r"layer 0 \(GELU\)"),
        (nn.Conv2d(1, 1, 3, padding_mode="reflect"), "has padding_mode=reflect"),
        (nn.AvgPool2d(2, ceil_mode=True), "has windows of different sizes"),
    ],
)
def test_other_layers_are_refused_by_name(layer: nn.Module, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        supported(nn.Sequential(layer, nn.Flatten(), nn.Linear(784, 10)))


def test_a_batch_normalization_needs_running_statistics() -> None:
    with pytest.raises(UsageError, match=r"layer 1 \(BatchNorm2d\) does not have running statistics"):
        supported(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, track_running_stats=False)))


class Normalized(nn.Sequential):
    def __init__(self) -> None:
        features = [nn.Conv2d(1, 4, 5, 2, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
        super().__init__(*features, nn.Linear(144, 20), nn.Dropout(), nn.BatchNorm1d(20), nn.ReLU(), nn.Linear(20, 10))


def test_networks_with_batch_normalization_compute_about_the_same_with_integers() -> None:
    torch.manual_seed(0)
    network = Normalized()
    for _ in range(3):
        network(images())  # moves the running statistics
    network.eval()
    expected = network(images()).detach()
    found = IntegerNetwork(network, calibrate(network, images()))(images())
    assert (found - expected).abs().max() < 0.05 * expected.abs().max()


def test_sums_that_do_not_fit_are_refused() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(784, 10)).eval()
    with torch.no_grad():
        network[1].bias[3] = 1e9
    with pytest.raises(UsageError, match="the sums of the layer 1 can be as large as"):
        IntegerNetwork(network, calibrate(network, images()))
    with pytest.raises(ValueError, match="does not fit the scales"):
        IntegerNetwork(network, [1.0, 1.0])
