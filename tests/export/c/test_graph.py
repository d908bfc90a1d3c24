from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prunesweep.errors import UsageError
from prunesweep.export.c.graph import NotSupported, layers_of
from prunesweep.export.c.layers import Activation, Conv, Linear, Padding, Pool, Scale


class Calls(nn.Module):
    """A network whose forward is the given function of its layers and the images."""

    def __init__(self, forward: Callable[[nn.ModuleDict, Tensor], Tensor], **layers: nn.Module) -> None:
        super().__init__()
        self.layers, self.function = nn.ModuleDict(layers), forward

    def forward(self, images: Tensor) -> Tensor:
        return self.function(self.layers, images)


def test_modules_and_functions_are_the_same_layers() -> None:
    torch.manual_seed(0)
    conv, norm, fc = nn.Conv2d(1, 2, 3, bias=False), nn.BatchNorm2d(2), nn.Linear(32, 10)
    modules = nn.Sequential(
        nn.ZeroPad2d(1), conv, norm, nn.ReLU(), nn.MaxPool2d(2), nn.Tanh(), nn.Dropout(), nn.Flatten(), fc, nn.Sigmoid()
    )

    def forward(layers: nn.ModuleDict, x: Tensor) -> Tensor:
        x = F.relu_(layers["norm"](layers["conv"](F.pad(x, (1, 1, 1, 1)))))
        x = torch.tanh(F.max_pool2d(x, (2, 2)))
        return layers["fc"](x.view(x.size(0), -1)).sigmoid()

    functions = Calls(forward, conv=conv, norm=norm, fc=fc)
    for network, names in ((modules, ["1", "8"]), (functions, ["layers.conv", "layers.fc"])):
        layers = layers_of(network.eval(), (1, 8, 8))
        kinds = [Padding, Conv, Scale, Activation, Pool, Activation, Linear, Activation]
        assert [type(layer) for layer in layers] == kinds
        assert [layer.name for layer in layers if isinstance(layer, Conv | Linear)] == names
        assert np.array_equal(layers[1].weight, conv.weight.detach().numpy())
        assert [layer.kind for layer in layers if isinstance(layer, Activation)] == ["relu", "tanh", "sigmoid"]


def test_a_grouped_convolution_connects_only_its_groups() -> None:
    conv = nn.Conv2d(4, 2, 1, groups=2)
    (layer,) = layers_of(conv.eval(), (4, 3, 3))
    assert isinstance(layer, Conv)
    assert layer.connected[:, :, 0, 0].tolist() == [[True, True, False, False], [False, False, True, True]]
    assert np.array_equal(layer.weight[layer.connected], conv.weight.detach().numpy().ravel())


def test_the_arguments_of_convolutions_and_pooling() -> None:
    network = nn.Sequential(
        nn.Conv2d(1, 1, (5, 3), padding="same", dilation=(1, 2)),
        nn.Conv2d(1, 1, 3, stride=(2, 1), padding=(1, 2)),
        nn.AvgPool2d((2, 3), padding=(1, 0), count_include_pad=False),
        nn.MaxPool2d(3, 1, dilation=2, ceil_mode=True),
        nn.AdaptiveAvgPool2d(1),
    )
    same, strided, average, most, adaptive = layers_of(network.eval(), (1, 16, 16))
    assert isinstance(same, Conv)
    assert same.padding == (2, 2, 2, 2)
    assert same.dilation == (1, 2)
    assert isinstance(strided, Conv)
    assert (strided.stride, strided.padding) == ((2, 1), (1, 1, 2, 2))
    assert average == Pool("2", "average", (2, 3), (2, 3), (1, 0), (5, 6), counts_padding=False)
    assert most == Pool("3", "max", (3, 3), (1, 1), (0, 0), (1, 2), (2, 2))
    assert adaptive == Pool("4", "average", (1, 2), (1, 2), (0, 0), (1, 1))


FC = nn.Linear(64, 10)


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (lambda m, x: m["fc"](m["gelu"](x).flatten(1)), "layers.gelu: GELU (gelu) cannot be exported. Supported are"),
        (lambda m, x: m["fc"](F.elu(x).flatten(1)), "the network's own operation (elu)"),
        (lambda m, x: m["fc"]((x + x.relu()).flatten(1)), "(add)"),
        (lambda m, x: m["fc"](x.flatten(1)) * 2, "(mul)"),
        (lambda m, x: m["fc"](x.flatten(1)).log_softmax(1), "(log_softmax)"),
        (lambda m, x: m["fc"](m["norm"](x).flatten(1)), "layers.norm: InstanceNorm2d (instance_norm)"),
        (lambda m, x: (m["fc"](x.flatten(1)), m["fc"](x.relu().flatten(1)))[1], "(relu of several results, or of an"),
        (lambda m, x: F.conv2d(x, x[:, :, :3, :3]).flatten(1), "(slice)"),
        (lambda m, x: m["fc"](x.reshape(1, 8, 8).reshape(1, 64)), "(reshape to [1, 8, 8])"),
        (lambda m, x: F.adaptive_avg_pool2d(x, 3).flatten(1), "adaptive pooling with windows of several sizes"),
        (lambda m, x: F.avg_pool2d(x, 2, divisor_override=3).flatten(1), "with divisor_override"),
        (lambda m, x: F.pad(x, (1, 1, 1, 1), value=2.0).flatten(1), "padding with other than zeros"),
        (lambda m, x: F.pad(x, (1, 1, 1, 1), mode="reflect").flatten(1), "padding with other than zeros"),
        (lambda m, x: F.pad(x, (-1, 1)).flatten(1), "padding of other sides"),
        (lambda m, x: nn.functional.linear(x, m["row"].weight).flatten(1), "linear without flatten before it"),
        (lambda m, x: m["own"](x).flatten(1), "batch normalization without running statistics"),
        (lambda m, x: [x.relu(), x.tanh()], "(tanh of several results, or of an earlier one)"),
    ],
)
def test_other_operations_are_refused_by_name(forward: Callable[[nn.ModuleDict, Tensor], Tensor], message: str) -> None:
    others = {"norm": nn.InstanceNorm2d(1), "row": nn.Linear(8, 8), "own": nn.BatchNorm2d(1, track_running_stats=False)}
    network = Calls(forward, fc=FC, gelu=nn.GELU(), **others)
    with pytest.raises(NotSupported) as raised:
        layers_of(network.eval(), (1, 8, 8))
    assert message in str(raised.value)
    assert str(raised.value).startswith("--format=c: ")


def test_weights_that_are_not_finite_are_refused() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    network[1].bias.data[3] = float("nan")
    with pytest.raises(UsageError, match="--format=c: 1.bias contains numbers that are not finite"):
        layers_of(network.eval(), (1, 8, 8))
