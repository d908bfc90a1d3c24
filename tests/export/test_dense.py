from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from prunesweep.export import dense
from prunesweep.export.description import Description


def test_the_network_is_read_back_under_its_own_parameter_names(
    network: nn.Module, description: Description, tmp_path: Path
) -> None:
    dense.save(network, tmp_path / "f", description)
    assert load_file(tmp_path / "f").keys() == network.state_dict().keys()
    images = torch.randn(3, 1, 28, 28)
    assert torch.equal(dense.load(tmp_path / "f", description)(images), network(images))
