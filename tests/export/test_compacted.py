from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from prunesweep.export import compacted, dense
from prunesweep.export.description import Description
from prunesweep.models.build import build
from prunesweep.models.settings import LeNet5, LeNet300100


def small_network() -> nn.Module:
    """A LeNet-300-100 with 7 and 5 hidden neurons, as compaction would produce it."""
    model = build(LeNet300100(), (1, 28, 28), 10)
    for name, (inputs, outputs) in {"fc1": (784, 7), "fc2": (7, 5), "fc3": (5, 10)}.items():
        setattr(model, name, nn.Linear(inputs, outputs))
    return model.eval()


def test_a_smaller_network_is_read_back(description: Description, tmp_path: Path) -> None:
    model = small_network()
    dense.save(model, tmp_path / "f", description)
    loaded = compacted.load(tmp_path / "f", description)
    images = torch.randn(3, 1, 28, 28)
    assert torch.equal(loaded(images), model(images))
    assert loaded.get_submodule("fc1").out_features == 7
    assert (tmp_path / "f").stat().st_size < 30_000


def test_convolutions_and_normalizations_get_the_sizes_of_their_tensors() -> None:
    tensors = {"0.weight": torch.ones(4, 1, 3, 3), "0.bias": torch.ones(4), "1.weight": torch.ones(4)}
    tensors |= {f"1.{role}": torch.ones(4) for role in ("bias", "running_mean", "running_var")}
    tensors["1.num_batches_tracked"] = torch.tensor(3)
    model = compacted.resize(nn.Sequential(nn.Conv2d(2, 8, 3, groups=2, padding=1), nn.BatchNorm2d(8)), tensors)
    model.load_state_dict(tensors)
    assert model.eval()(torch.zeros(1, 2, 5, 5)).shape == (1, 4, 5, 5)


def test_pruned_channels_are_left_out(description: Description, tmp_path: Path) -> None:
    model = build(LeNet5(), (1, 28, 28), 10).eval()
    for role in ("weight", "bias"):
        getattr(model.get_submodule("conv2"), role).data[:8] = 0
    compacted.save(model, tmp_path / "f", description)
    loaded = compacted.load(tmp_path / "f", replace(description, model={"name": "lenet5"}))
    assert loaded.get_submodule("conv2").out_channels == 8
    assert loaded.get_submodule("fc1").in_features == 8 * 5 * 5
    images = torch.randn(3, 1, 28, 28)
    torch.testing.assert_close(loaded(images), model(images))
