from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn

from prunesweep.errors import UsageError
from prunesweep.quantization.layers import chain_of


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 3), nn.Linear(3, 2)

    def forward(self, images: Tensor) -> Tensor:
        return self.second(torch.relu(self.first(images.flatten(1))))


class Skip(Own):
    def forward(self, images: Tensor) -> Tensor:
        hidden = self.first(images)
        return self.second(hidden + torch.tanh(hidden))


class Branches(Own):
    def forward(self, images: Tensor) -> Tensor:
        return self.first(images) if images.sum() > 0 else images


def test_layers_of_nested_sequences() -> None:
    inner = nn.Sequential(OrderedDict(fc=nn.Linear(2, 2), act=nn.ReLU()))
    found = chain_of(nn.Sequential(OrderedDict(a=inner, b=nn.Tanh())), "x")
    assert [name for name, _ in found] == ["a.fc", "a.act", "b"]


def test_layers_and_functions_of_a_forward_pass() -> None:
    model, images = Own(), torch.randn(5, 1, 2, 2)
    found = chain_of(model, "x")
    assert [type(layer) for _, layer in found] == [nn.Flatten, nn.Linear, nn.ReLU, nn.Linear]
    expected = model(images)
    for _, layer in found:
        images = layer(images)
    assert torch.equal(images, expected)


def test_what_is_not_a_chain_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="quantize=int8: add does not have the output of the layer before"):
        chain_of(Skip(), "quantize=int8")
    with pytest.raises(UsageError, match="x: the forward pass of the network cannot be followed"):
        chain_of(Branches(), "x")
