from contextlib import nullcontext

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from prunesweep.models.build import build
from prunesweep.models.settings import ConvLeNet, LeNet5, LeNet5Caffe, LeNet300100, Model
from prunesweep.models.tensors import own_tensors, parameter_of
from prunesweep.pruning.selection import prunable
from prunesweep.pruning.without_channels import without_channels

GREY = (1, 28, 28)


class WithBatchNorm(nn.Sequential):
    """A network whose buffers follow the channels. Its BatchNorm maps zero to zero at the start of training."""

    def __init__(self) -> None:
        layers = nn.Conv2d(1, 6, 5), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 24 * 24, 10)
        super().__init__(*layers)


NETWORKS = [LeNet5(), LeNet5Caffe(conv_relu=True), LeNet300100(), ConvLeNet()]


def prune_channels(model: nn.Module, keep: int) -> dict[str, Tensor]:
    """Prune all but every `keep`-th channel of each layer but the last; return the masks."""
    masks = {}
    for name in list(prunable(model))[:-1]:
        for role in ("weight", "bias"):
            parameter = model.get_parameter(parameter_of(name, role))
            mask = torch.zeros_like(parameter, dtype=torch.bool)
            mask[::keep] = True
            masks[parameter_of(name, role)] = mask
            parameter.data.mul_(mask)
    return masks


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("settings", [*NETWORKS, None], ids=lambda each: each.name if each else "batch norm")
def test_outputs_gradients_and_buffers_are_the_same(settings: Model | None, layout: torch.memory_format) -> None:
    images = torch.randn(8, *GREY, generator=torch.Generator().manual_seed(0)).contiguous(memory_format=layout)
    found = []
    for use in (False, True):
        torch.manual_seed(0)
        model = build(settings, GREY, 10) if settings else WithBatchNorm()
        model = model.train().to(memory_format=layout)  # type: ignore[call-overload]
        masks = prune_channels(model, 3)
        with without_channels(model, masks, GREY) if use else nullcontext():
            logits = model(images)
            cross_entropy(logits, torch.arange(8)).backward()  # type: ignore[no-untyped-call]
        kept = {name: mask.to(torch.float) for name, mask in masks.items()}
        gradients = {name: each.grad * kept.get(name, 1) for name, each in model.named_parameters()}
        found.append((logits.detach(), gradients, dict(model.named_buffers()), model.eval()(images).detach()))
    whole, part = found
    assert torch.allclose(part[0], whole[0], atol=1e-5)
    for name, gradient in whole[1].items():
        assert torch.allclose(part[1][name], gradient, atol=1e-5), name
    for name, buffer in whole[2].items():
        remaining = slice(None, None, 3) if buffer.dim() else ()
        assert torch.allclose(part[2][name][remaining], buffer[remaining], atol=1e-5), name
    assert torch.allclose(part[3], whole[3], atol=1e-5), "the whole network computes again"


def test_pruned_channels_are_not_computed() -> None:
    model = build(LeNet300100(), GREY, 10)
    masks = prune_channels(model, 3)
    with without_channels(model, masks, GREY):
        model.get_parameter("fc1.weight").data[1] = torch.nan
        assert model(torch.zeros(1, *GREY)).isfinite().all()
    assert model(torch.zeros(1, *GREY)).isnan().all()


@pytest.mark.parametrize("channels", [[], [0]], ids=["nothing is pruned", "batch norm does not map zero to zero"])
def test_a_network_that_cannot_lose_channels_computes_as_before(channels: list[int]) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)).eval()
    model.get_parameter("2.bias").data.fill_(1.0)
    masks = {
        f"1.{role}": torch.ones_like(model.get_parameter(f"1.{role}"), dtype=torch.bool) for role in ("weight", "bias")
    }
    for name, mask in masks.items():
        mask[channels] = False
        model.get_parameter(name).data.mul_(mask)
    images = torch.randn(2, 1, 2, 2)
    before = model(images)
    with without_channels(model, masks, (1, 2, 2)):
        assert torch.equal(model(images), before)


class Scaled(nn.Module):
    """A network with a parameter without dimensions, and a buffer of images."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(784, 6), nn.Linear(6, 10)
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.register_buffer("shift", torch.zeros(1, 2, 28, 28))

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            self.shift.add_(1)
        logits: Tensor = self.fc2(self.fc1((images * self.scale).flatten(1)))
        return logits + self.shift.mean()


@pytest.mark.filterwarnings("ignore:Unwrapped parameters")
def test_parameters_and_buffers_of_any_shape_are_kept() -> None:
    found = []
    for use in (False, True):
        torch.manual_seed(0)
        model = Scaled().train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        masks = prune_channels(model, 3)
        with without_channels(model, masks, GREY) if use else nullcontext():
            model(torch.ones(2, *GREY)).sum().backward()
        found.append((model.scale.grad, model.shift.clone()))
    assert torch.allclose(found[1][0], found[0][0], rtol=1e-4)
    assert torch.equal(found[1][1], found[0][1])


def test_the_network_computes_whole_again_after_an_error() -> None:
    model = build(LeNet5(), GREY, 10)
    forward = model.forward
    with pytest.raises(ValueError, match="stop"), without_channels(model, prune_channels(model, 2), GREY):
        raise ValueError("stop")
    assert model.forward == forward
    assert own_tensors(model).keys() == own_tensors(build(LeNet5(), GREY, 10)).keys()
