from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from prunesweep.export import compacted
from prunesweep.export.description import Description
from prunesweep.export.invalid import InvalidFile
from prunesweep.export.tensor_file import pack
from prunesweep.models.build import build
from prunesweep.models.settings import LeNet5, LeNet300100


def small_network() -> nn.Module:
    """A LeNet-300-100 with 7 and 5 hidden neurons, as compaction would produce it."""
    model = build(LeNet300100(), (1, 28, 28), 10)
    for name, (inputs, outputs) in {"fc1": (784, 7), "fc2": (7, 5), "fc3": (5, 10)}.items():
        setattr(model, name, nn.Linear(inputs, outputs))
    return model.eval()


def test_a_smaller_network_is_read_back(description: Description) -> None:
    model = small_network()
    content = pack(model.state_dict())
    loaded = compacted.load(content, description)
    images = torch.randn(3, 1, 28, 28)
    assert torch.equal(loaded(images), model(images))
    assert loaded.get_submodule("fc1").out_features == 7
    assert len(content) < 30_000


def test_convolutions_and_normalizations_get_the_sizes_of_their_tensors() -> None:
    tensors = {"0.weight": torch.ones(4, 1, 3, 3), "0.bias": torch.ones(4), "1.weight": torch.ones(4)}
    tensors |= {f"1.{role}": torch.ones(4) for role in ("bias", "running_mean", "running_var")}
    tensors["1.num_batches_tracked"] = torch.tensor(3)
    model = compacted.resize(nn.Sequential(nn.Conv2d(2, 8, 3, groups=2, padding=1), nn.BatchNorm2d(8)), tensors)
    model.load_state_dict(tensors)
    assert model.eval()(torch.zeros(1, 2, 5, 5)).shape == (1, 4, 5, 5)


def test_pruned_channels_are_left_out(description: Description) -> None:
    model = build(LeNet5(), (1, 28, 28), 10).eval()
    for role in ("weight", "bias"):
        getattr(model.get_submodule("conv2"), role).data[:8] = 0
    loaded = compacted.load(compacted.save(model, description), replace(description, model={"name": "lenet5"}))
    assert loaded.get_submodule("conv2").out_channels == 8
    assert loaded.get_submodule("fc1").in_features == 8 * 5 * 5
    images = torch.randn(3, 1, 28, 28)
    torch.testing.assert_close(loaded(images), model(images))


LENET5 = {name: tensor.shape for name, tensor in build(LeNet5(), (1, 28, 28), 10).state_dict().items()}


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        ("conv1.weight", torch.zeros(6, 1, 3, 3), r"conv1.weight of type torch.float32 and shape \[6, 1, 3, 3\]"),
        ("conv1.weight", torch.zeros(6, 1, 5, 5, dtype=torch.float64), "conv1.weight of type torch.float64"),
        ("conv2.weight", torch.zeros(17, 6, 5, 5), "needs torch.float32 and [16, 6, 5, 5]"),
        ("conv2.weight", torch.zeros(16, 0, 5, 5), "needs torch.float32 and [16, 6, 5, 5]"),
        ("fc1.weight", torch.zeros(120), "needs torch.float32 and [120, 400]"),
        ("fc1.bias", torch.zeros(119), "has 120 channels in fc1.weight, but 119 in fc1.bias"),
        ("fc4.weight", torch.zeros(1, 1), "has the tensor fc4.weight, which the described network does not have"),
        ("fc3.bias", None, "does not have the tensor fc3.bias, which the described network needs"),
    ],
)
def test_tensors_that_no_compact_network_has_are_refused(
    name: str, tensor: Tensor | None, message: str, description: Description
) -> None:
    tensors: dict[str, Tensor] = {key: torch.zeros(shape) for key, shape in LENET5.items()}
    tensors.pop(name, None)
    if tensor is not None:
        tensors[name] = tensor
    with pytest.raises(InvalidFile, match=message if "\\" in message else message.replace("[", r"\[")):
        compacted.load(pack(tensors), replace(description, model={"name": "lenet5"}))
