import re
import subprocess
from pathlib import Path

import pytest
import torch
from c_files import NEEDS_COMPILER, check_same, described, execute, images_like, random_network, sparse
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import nn

from prunesweep.export.c.compiler import compile_c, find_compiler
from prunesweep.export.c.form import build, run
from prunesweep.export.c.generate import c_file, header, name_of, stages_of
from prunesweep.models.build import build as build_model
from prunesweep.models.settings import ConvLeNet, LeNet5, LeNet5Caffe, LeNet300100, Model


class Mixed(nn.Module):
    """Grouped, strided, dilated and padded convolutions, both normalizations, all activations, average pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.BatchNorm2d(2),
            nn.Conv2d(2, 6, 3, padding=1, groups=2, bias=False),
            nn.BatchNorm2d(6),
            nn.Tanh(),
            nn.AvgPool2d(2),
            nn.Conv2d(6, 6, 3, padding="same", groups=6),
            nn.ReLU(),
            nn.BatchNorm2d(6),
            nn.Conv2d(6, 8, (3, 2), stride=(2, 1), dilation=(1, 2)),
            nn.Sigmoid(),
            nn.BatchNorm2d(8),
            nn.ZeroPad2d((0, 1, 2, 0)),
            nn.Conv2d(8, 5, 3),
        )
        self.norm = nn.BatchNorm1d(5 * 2 * 4)
        self.out = nn.Linear(5 * 2 * 4, 7, bias=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.out(torch.relu(self.norm(self.features(images).flatten(1))))  # type: ignore[no-any-return]


@NEEDS_COMPILER
@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("amount", [0.0, 0.8])
def test_a_network_of_all_layers(amount: float, dense: bool) -> None:
    check_same(sparse(Mixed(), amount), (2, 10, 14), 7, dense=dense)


@NEEDS_COMPILER
@pytest.mark.parametrize("model", [LeNet5(), LeNet5Caffe(), LeNet300100(), ConvLeNet(widths=[4, 4, 8, 8])])
def test_the_networks_without_most_weights(model: Model) -> None:
    check_same(sparse(build_model(model, (1, 28, 28), 10), 0.9), (1, 28, 28), 10)


@NEEDS_COMPILER
@settings(max_examples=8, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # to shrink would compile for minutes
@given(data=st.data())
def test_random_layers(data: st.DataObject) -> None:
    model, shape = random_network(data)
    check_same(model, shape, 3)


@NEEDS_COMPILER
@pytest.mark.parametrize("layer", ["conv1", "conv2", "fc1", "fc3"])
def test_a_layer_without_weights(layer: str) -> None:
    network = sparse(build_model(LeNet5(), (1, 28, 28), 10), 0.5)
    network.get_parameter(f"{layer}.weight").data.zero_()
    check_same(network, (1, 28, 28), 10)
    network.get_parameter(f"{layer}.bias").data.zero_()
    check_same(network, (1, 28, 28), 10)


def test_units_without_an_effect_take_neither_weights_nor_memory() -> None:
    network = sparse(build_model(LeNet300100(), (1, 28, 28), 10), 0.0)
    first, second = network.get_parameter("fc1.weight"), network.get_parameter("fc2.weight")
    second.data[:, 5:] = 0  # 295 units reach nothing
    first.data[4] = 0  # one unit is a constant
    stages = stages_of(network, described(), dense=False)
    assert [stage.head.weight.shape for stage in stages] == [(4, 784), (100, 4), (10, 100)]
    stages = stages_of(network, described(), dense=True)
    assert [stage.head.weight.shape for stage in stages] == [(300, 784), (100, 300), (10, 100)]


@NEEDS_COMPILER
@pytest.mark.parametrize("options", [("-O0",), ("-O3", "-march=native"), ("-U__SSE__",)])
def test_other_options_give_the_same_classes(options: tuple[str, ...]) -> None:
    """Without vectors, the sums of blocks are plain C."""
    network, description = sparse(build_model(LeNet5(), (1, 28, 28), 10), 0.5), described()
    images, compiler = images_like(description, 20), find_compiler()
    assert compiler is not None
    actual = run(build(compiler, c_file(network, description).encode(), *options), images, description)
    torch.testing.assert_close(actual, network(images).detach(), atol=2e-5, rtol=2e-5)


def test_a_network_is_not_changed() -> None:
    network = sparse(build_model(LeNet5(), (1, 28, 28), 10), 0.9)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    c_file(network, described())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ({"name": "lenet5_caffe"}, "lenet5_caffe"),
        ({"name": "custom", "target": "my.package.Net"}, "Net"),
        ({"name": "custom", "target": "my.Größe2*/"}, "Gr_e2"),
        ({"name": "custom", "target": "my.__"}, "layer"),
        ({"name": "custom", "target": "a.300"}, "net_300"),
    ],
)
def test_names_in_c_come_from_the_network(model: dict[str, str], name: str) -> None:
    assert name_of(described(model=model)) == name


class Odd(nn.Module):
    """Layers whose names are not identifiers, or equal after they have become identifiers."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("predict", "a b", "a-b", "int", "*/"):
            self.add_module(name, nn.Linear(4, 4))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = images.flatten(1)
        for layer in self.children():
            x = layer(x)
        return x


@NEEDS_COMPILER
def test_names_that_are_not_identifiers(tmp_path: Path) -> None:
    network, hostile = sparse(Odd(), 0.1), {"name": "custom", "target": "mine.Net*/ int x; /*", "kwargs": {"a": "??/"}}
    description = described((1, 2, 2), 4, model=hostile, dataset="custom")
    images = images_like(description)
    torch.testing.assert_close(execute(network, images, description), network(images).detach(), atol=2e-5, rtol=2e-5)


@NEEDS_COMPILER
def test_the_header_declares_the_function(tmp_path: Path) -> None:
    description, compiler = described((1, 2, 2), 4), find_compiler()
    assert compiler is not None
    network = sparse(nn.Sequential(nn.Flatten(), nn.Linear(4, 4)), 0.1)
    (tmp_path / "model.c").write_text(c_file(network, description))
    (tmp_path / "model.h").write_text(header(description))
    (tmp_path / "use.c").write_text(
        '#include "model.h"\n#include "model.h"\n#include <stdio.h>\n'
        "int main(void)\n{\n    const float image[4] = {0, 255, 0, 0};\n    float logits[4];\n"
        '    printf("%d", Net_predict(image, logits));\n    return 0;\n}\n'
    )
    compile_c(compiler, tmp_path / "use.c", tmp_path / "use", str(tmp_path / "model.c"))
    image = (torch.tensor([[[[0.0, 1.0], [0.0, 0.0]]]]) - 0.25) / 0.5
    printed = subprocess.run([tmp_path / "use"], capture_output=True, text=True, check=True).stdout
    assert int(printed) == int(network(image).argmax())


def test_the_comment_names_the_accuracy_and_the_run() -> None:
    text = c_file(sparse(nn.Sequential(nn.Flatten(), nn.Linear(4, 4)), 0.1), described((1, 2, 2), 4))
    comment = re.sub(r"\s+\*\s+", " ", text.partition("*/")[0])
    assert "100 of 1,000 parameters are not pruned. Test accuracy: 98.76 % on custom" in comment
    assert "ID of the run: " + "ab" * 32 in comment
    assert "-DPRUNESWEEP_MAIN" in comment
    assert text.count("#include <") == 2, "math.h, and stdio.h of the program"
