import torch
from safetensors.torch import load
from torch import nn

from prunesweep.export import dense
from prunesweep.export.description import Description


def test_the_network_is_read_back_under_its_own_parameter_names(network: nn.Module, description: Description) -> None:
    content = dense.save(network, description)
    assert load(content).keys() == network.state_dict().keys()
    images = torch.randn(3, 1, 28, 28)
    assert torch.equal(dense.load(content, description)(images), network(images))
