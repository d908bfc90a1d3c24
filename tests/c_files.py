"""C files of small networks, for tests: generated, compiled and executed."""

import shutil
from typing import Any

import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from prunesweep.export.c.compiler import find_compiler
from prunesweep.export.c.form import build, run
from prunesweep.export.c.generate import c_file
from prunesweep.export.c.integer import integer_file
from prunesweep.export.description import Description
from prunesweep.quantization.integer import IntegerNetwork, calibrate

NEEDS_COMPILER = pytest.mark.skipif(find_compiler() is None, reason="needs a C compiler")
NEEDS_ARM = pytest.mark.skipif(
    not all(shutil.which(name) for name in ("arm-none-eabi-gcc", "qemu-system-arm")),
    reason="needs gcc-arm-none-eabi with newlib, and qemu-system-arm",
)


def described(shape: tuple[int, int, int] = (1, 28, 28), classes: int = 10, **fields: Any) -> Description:
    """A description of a network for images of this shape, which are normalized."""
    channels = shape[0]
    values = {
        "format": "c",
        "model": {"name": "custom", "target": "mine.Net"},
        "dataset": "custom",
        "shape": list(shape),
        "mean": [0.25, 0.5, 0.75, 0.5][:channels],
        "std": [0.5, 0.25, 0.5, 0.25][:channels],
        "validation": 500,
        "test_accuracy": 0.9876,
        "params_total": 1_000,
        "params_nonzero": 100,
        "digest": "ab" * 32,
        "classes": classes,
    }
    return Description(**{**values, **fields})


def images_like(description: Description, number: int = 5, seed: int = 0) -> Tensor:
    """Normalized images of random pixels, half of them zero."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (number, *description.shape), generator=generator).float()
    pixels *= torch.rand(pixels.shape, generator=generator) < 0.5
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (description.mean, description.std))
    return (pixels / 255 - mean) / std


def sparse(model: nn.Module, amount: float = 0.6, seed: int = 0) -> nn.Module:
    """`model` in evaluation mode with random weights, of which the given fraction is zero, and random statistics."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) / max(1, parameter[0].numel()) ** 0.5
        parameter.data[torch.rand(parameter.shape, generator=generator) < amount] = 0
    for name, buffer in model.named_buffers():
        if buffer.dtype.is_floating_point:
            buffer.copy_(torch.rand(buffer.shape, generator=generator) + (0.5 if name.endswith("var") else 0))
    return model.eval()


def random_network(data: st.DataObject) -> tuple[nn.Module, tuple[int, int, int]]:
    """Draw a sparse network with three outputs of convolutions, a layer behind them, and linear layers.

    Returns:
        The network and the shape of its images.
    """
    number = st.integers(1, 3)
    height, width, groups = data.draw(st.integers(5, 9)), data.draw(st.integers(5, 40)), data.draw(number)
    inputs, outputs = groups * data.draw(number), groups * data.draw(number)
    padding, stride, dilation = data.draw(st.integers(0, 2)), data.draw(number), data.draw(st.integers(1, 2))
    conv = nn.Conv2d(inputs, outputs, 3, stride, padding, dilation, groups)
    after = data.draw(st.sampled_from([nn.ReLU(), nn.MaxPool2d(1), nn.Tanh(), nn.BatchNorm2d(outputs)]))
    features, hidden = conv(torch.zeros(1, inputs, height, width)).numel(), data.draw(st.integers(2, 40))
    head = [nn.Linear(features, hidden), nn.Sigmoid(), nn.Linear(hidden, 3)]
    network = nn.Sequential(nn.Conv2d(2, inputs, 1), conv, after, nn.Flatten(), *head)
    amount = data.draw(st.sampled_from([0.0, 0.5, 0.8, 0.95, 1.0]))
    return sparse(network, amount, data.draw(st.integers(0, 9))), (2, height, width)


def execute(model: nn.Module, images: Tensor, description: Description, *, dense: bool = False) -> Tensor:
    """The logits of the C file of `model`."""
    compiler = find_compiler()
    assert compiler is not None
    return run(build(compiler, c_file(model, description, dense=dense).encode()), images, description)


def check_same(model: nn.Module, shape: tuple[int, int, int], classes: int, *, dense: bool = False) -> None:
    """Check that the C file of `model` computes the same logits."""
    description = described(shape, classes)
    images = images_like(description)
    with torch.no_grad():
        expected = model(images)
    actual = execute(model, images, description, dense=dense)
    torch.testing.assert_close(actual, expected, atol=2e-5, rtol=2e-5)


def integers(model: nn.Module, images: Tensor) -> IntegerNetwork:
    """The integer program of `model`, calibrated on `images`."""
    return IntegerNetwork(model, calibrate(model, images))


def check_same_integers(model: nn.Module, shape: tuple[int, int, int], classes: int, *, dense: bool = False) -> None:
    """Check that the C file of the integer program of `model` computes the same logits, bit for bit."""
    compiler, description = find_compiler(), described(shape, classes)
    assert compiler is not None
    images = images_like(description, 20)
    program = integers(model, images)
    assert program.integers(images).abs().max() < 2**23, "then logits of float32 are equal only if the integers are"
    text = integer_file(program, description, dense=dense)
    assert torch.equal(run(build(compiler, text.encode()), images, description), program(images))
