import pytest
import torch
from c_files import NEEDS_COMPILER, check_same, sparse
from torch import nn

from prunesweep.export.c.layers import Activation, Pool
from prunesweep.export.c.tails import activations, plane_sizes

RELU = Activation("relu", "relu")


def test_an_activation_in_place() -> None:
    assert activations([RELU], "out", (2, 3), 3) == [
        "for (int x = 0; x < 6; x++) {",
        "    float v = out[x];",
        "    v = v > 0 ? v : 0;",
        "    out[x] = v;",
        "}",
    ]
    assert activations([RELU], "out", (2, 3), 5)[0] == "for (int y = 0; y < 2; y++) {"
    assert activations([], "out", (2, 3), 5) == []


def test_each_pooling_reads_the_buffer_that_the_one_before_it_wrote() -> None:
    pools = [Pool("pool", "average", (2, 2), (2, 2), (0, 0), (size, size)) for size in (8, 4, 2)]
    assert plane_sizes((), (16, 16)) == [0, 0]
    assert plane_sizes((pools[0],), (16, 16)) == [256, 0]
    assert plane_sizes((pools[0], RELU, pools[1], pools[2]), (16, 16)) == [256, 64]


@NEEDS_COMPILER
@pytest.mark.parametrize(
    "layers",
    [
        (nn.MaxPool2d(2), nn.ReLU()),
        (nn.Tanh(), nn.AvgPool2d(2), nn.Sigmoid()),
        (nn.AvgPool2d(5, 2), nn.MaxPool2d(2, 1), nn.AvgPool2d((1, 2), 1)),  # larger than what is written out
        (nn.MaxPool2d(5, 3),),
        (nn.MaxPool2d(3, 2, 1, ceil_mode=True), nn.MaxPool2d(2, dilation=2, stride=1)),
        (nn.AvgPool2d(3, 2, 1), nn.AvgPool2d(2, padding=1, count_include_pad=False)),
        (nn.AvgPool2d(3, 2, 1, ceil_mode=True), nn.AvgPool2d(2, ceil_mode=True)),
        (nn.AdaptiveAvgPool2d((3, 1)),),
    ],
)
def test_pooling_computes_what_torch_computes(layers: tuple[nn.Module, ...]) -> None:
    features = nn.Sequential(nn.Conv2d(2, 3, 3), *layers, nn.Flatten())
    size = features(torch.zeros(1, 2, 14, 16)).shape[1]
    check_same(sparse(nn.Sequential(features, nn.Linear(size, 4))), (2, 14, 16), 4)
