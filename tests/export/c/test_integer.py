"""C files of integer programs compute the same integers, bit for bit."""

import re

import pytest
import torch
from c_files import NEEDS_COMPILER, check_same_integers, described, images_like, integers, random_network, sparse
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import nn

from prunesweep.data.settings import DIVISORS
from prunesweep.export.c.compiler import find_compiler
from prunesweep.export.c.form import build, run
from prunesweep.export.c.integer import integer_file, integer_stages
from prunesweep.models.build import build as build_model
from prunesweep.models.settings import ConvLeNet, LeNet5, LeNet5Caffe, LeNet300100, Model


class Mixed(nn.Sequential):
    """Grouped, strided, dilated and padded convolutions, normalizations, tables, and all kinds of pooling."""

    def __init__(self, *last: nn.Module) -> None:
        super().__init__(
            nn.MaxPool2d(2, stride=1, padding=1),
            nn.Conv2d(2, 6, 3, padding=1, groups=2, bias=False),
            nn.BatchNorm2d(6),
            nn.Tanh(),
            nn.AvgPool2d(2, padding=1),
            nn.Conv2d(6, 6, 3, padding="same", groups=6),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            nn.AvgPool2d((1, 2), 1),
            nn.ZeroPad2d((0, 1, 2, 0)),
            nn.Conv2d(6, 8, (3, 2), stride=(2, 1), dilation=(1, 2)),
            nn.Sigmoid(),
            nn.Flatten(),
            nn.Linear(16, 20, bias=False),
            nn.BatchNorm1d(20),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(20, 7),
            *last,
        )


@NEEDS_COMPILER
@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("amount", [0.0, 0.8])
def test_a_network_of_all_layers(amount: float, dense: bool) -> None:
    check_same_integers(sparse(Mixed(), amount), (2, 9, 12), 7, dense=dense)


@NEEDS_COMPILER
@pytest.mark.parametrize("last", [nn.ReLU(), nn.Tanh()])
def test_what_follows_the_last_layer(last: nn.Module) -> None:
    check_same_integers(sparse(Mixed(last)), (2, 9, 12), 7)


@NEEDS_COMPILER
@pytest.mark.parametrize("last", [nn.MaxPool2d(2), nn.AvgPool2d(2)])
def test_a_network_without_a_linear_layer(last: nn.Module) -> None:
    """The pooling of logits has integers of 32 bits, that of others 8 bits."""
    layers = [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(), last]
    check_same_integers(sparse(nn.Sequential(*layers, nn.Flatten())), (1, 6, 6), 3)


@NEEDS_COMPILER
@pytest.mark.parametrize("model", [LeNet5(), LeNet5Caffe(), LeNet300100(), ConvLeNet(widths=[4, 4, 8, 8])])
def test_the_networks_without_most_weights(model: Model) -> None:
    check_same_integers(sparse(build_model(model, (1, 28, 28), 10), 0.9), (1, 28, 28), 10)


@NEEDS_COMPILER
@settings(max_examples=6, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # to shrink would compile for minutes
@given(data=st.data())
def test_random_layers(data: st.DataObject) -> None:
    model, shape = random_network(data)
    check_same_integers(model, shape, 3)


@NEEDS_COMPILER
@pytest.mark.parametrize("layer", ["conv1", "conv2", "fc1", "fc3"])
def test_a_layer_without_weights(layer: str) -> None:
    network = sparse(build_model(LeNet5(), (1, 28, 28), 10), 0.5)
    network.get_parameter(f"{layer}.weight").data.zero_()
    check_same_integers(network, (1, 28, 28), 10)


@NEEDS_COMPILER
@pytest.mark.parametrize("scale", ["none", "1/256"])
def test_pixels_that_are_not_bytes(scale: str) -> None:
    """The program reads pixels that give exactly the normalized values."""
    description, compiler = described((1, 4, 5), 3, scale=scale), find_compiler()
    assert compiler is not None
    read = torch.randn(500, 1, 4, 5, generator=torch.Generator().manual_seed(0))
    images = (read / DIVISORS[scale] - 0.25) / 0.5
    program = integers(sparse(nn.Sequential(nn.Flatten(), nn.Linear(20, 3))), images)
    built = build(compiler, integer_file(program, description).encode())
    assert torch.equal(run(built, images, description), program(images))


@NEEDS_COMPILER
@pytest.mark.parametrize("options", ["-O0", "-O3 -march=native", "-U__SSE2__", "-fsanitize=undefined,address"])
def test_other_options_give_the_same_integers(options: str) -> None:
    description, compiler = described((2, 9, 12), 7), find_compiler()
    assert compiler is not None
    images = images_like(description)
    program = integers(sparse(Mixed()), images)
    built = build(compiler, integer_file(program, description).encode(), *options.split())
    assert torch.equal(run(built, images, description), program(images))


def test_units_without_an_effect_take_neither_weights_nor_memory() -> None:
    network = sparse(build_model(LeNet300100(), (1, 28, 28), 10), 0.0)
    network.get_parameter("fc2.weight").data[:, 5:] = 0  # 295 units reach nothing
    program, description = integers(network, images_like(described())), described()
    stages = integer_stages(program, description, dense=False)
    assert [stage.head.weight.shape for stage in stages[1:]] == [(5, 784), (100, 5), (10, 100)]
    assert [len(stage.head.rescale.shifts) for stage in stages[1:] if stage.head.rescale] == [5, 100, 10]
    stages = integer_stages(program, description, dense=True)
    assert [stage.head.weight.shape for stage in stages[1:]] == [(300, 784), (100, 300), (10, 100)]


def test_the_comment_counts_bytes() -> None:
    """Arrays: 8 weights, 2 x (4 + 4 + 1) for biases and scales, 8 for pixels. Buffers: 4 pixels, 2 sums, 2 logits."""
    program = integers(sparse(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), 0.0), images_like(described((1, 2, 2), 2)))
    text = integer_file(program, described((1, 2, 2), 2))
    comment = re.sub(r"\s+\*\s+", " ", text.partition("*/")[0])
    assert "Weights and activations are integers of 8 bits" in comment
    assert "Test accuracy: 98.76 % on custom" in comment
    assert "Arrays: 34 bytes, read-only. Buffers: 20 bytes." in comment
    assert text.count("#include <") == 2, "math.h, and stdio.h of the program"
