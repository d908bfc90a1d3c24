import pytest
import torch
from c_files import integers
from torch import nn

from prunesweep.export.c.graph import NotSupported
from prunesweep.export.c.integer_graph import layers_of_integers
from prunesweep.export.c.layers import Activation, Conv, Linear, Padding, Pool
from prunesweep.quantization.fixed_point import fixed_point

IMAGES = torch.rand(4, 2, 6, 6, generator=torch.Generator().manual_seed(0))


def test_the_layers_have_the_integers_of_the_operations() -> None:
    layers = [nn.Conv2d(2, 4, 3, 2, (1, 0), groups=2), nn.Tanh(), nn.AvgPool2d((1, 2)), nn.ReLU(), nn.Flatten()]
    program = integers(nn.Sequential(*layers, nn.Linear(12, 3)).eval(), IMAGES)
    conv, table, pool, relu, linear = layers_of_integers(program, (2, 6, 6))
    assert isinstance(conv, Conv)
    assert conv.rescale is not None
    assert (conv.stride, conv.padding, conv.rescale.limit) == ((2, 2), (1, 1, 0, 0), 127)
    assert conv.weight[:2, :1].tolist() == program.operations[0].weight[:2].tolist()  # type: ignore[attr-defined]
    assert not conv.weight[:2, 1].any()
    assert not conv.connected[:2, 1].any()
    assert isinstance(table, Activation)
    assert table.table is not None
    assert (table.kind, len(table.table), table.table[127]) == ("table", 255, 0)
    assert isinstance(pool, Pool)
    assert (pool.kind, pool.kernel, pool.size, pool.reciprocal) == ("average", (1, 2), (3, 1), fixed_point(1 / 2))
    assert relu == Activation("3", "relu")
    assert isinstance(linear, Linear)
    assert linear.rescale is not None
    assert (linear.weight.shape, linear.rescale.limit) == ((3, 12), 2**31 - 1)


def test_sides_of_padding() -> None:
    network = nn.Sequential(nn.ZeroPad2d((1, 2, 3, 4)), nn.Conv2d(2, 1, (3, 1), padding="same"), nn.Flatten())
    padding, conv = layers_of_integers(integers(network.eval(), IMAGES), (2, 6, 6))
    assert padding == Padding("0", (3, 4, 1, 2))
    assert isinstance(conv, Conv)
    assert conv.padding == (1, 1, 0, 0)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([nn.Linear(6, 3), nn.Flatten()], r"0 \(linear without flatten before it\)"),
        ([nn.Flatten(2), nn.Conv2d(2, 3, 3)], r"0 \(reshape to \[1, 2, 36\]\)"),
        ([nn.Conv2d(2, 3, 6)], r"the output of the network \(4 dimensions\)"),
        ([nn.ZeroPad2d(-1), nn.Conv2d(2, 3, 4), nn.Flatten()], r"0 \(padding of other sides\)"),
    ],
)
def test_what_c_files_do_not_contain_is_refused_by_name(layers: list[nn.Module], message: str) -> None:
    images = IMAGES if not isinstance(layers[0], nn.Flatten) else IMAGES[0]
    with pytest.raises(NotSupported, match=f"--format=c: {message} cannot be exported"):
        list(layers_of_integers(integers(nn.Sequential(*layers).eval(), images), (2, 6, 6)))
