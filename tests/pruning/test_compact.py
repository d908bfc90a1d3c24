import pytest
import torch
from torch import nn

from prunesweep.models.settings import LeNet5, LeNet5Caffe, Model
from prunesweep.pruning import compact as module
from prunesweep.pruning.compact import NotCompactable, beside_dense, compact, file_bytes

GREY = (1, 28, 28)


def without(model: nn.Module, gone: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    """Zero these output channels of `model`; the masks that say so."""
    masks = {}
    for name, channels in gone.items():
        layer = model.get_submodule(name)
        for role in ("weight", "bias"):
            parameter = layer.get_parameter(role)
            masks[f"{name}.{role}"] = torch.ones_like(parameter, dtype=torch.bool)
            masks[f"{name}.{role}"][channels] = False
            parameter.data[channels] = 0
    return masks


@pytest.mark.parametrize("settings", [LeNet5(), LeNet5Caffe()], ids=lambda settings: settings.name)
def test_the_outputs_are_those_of_the_masked_network(settings: Model) -> None:
    torch.manual_seed(0)
    model = settings.build(GREY, 10).eval()
    masks = without(model, {"conv1": [0, 3], "conv2": [1, 2, 5], "fc1": list(range(0, 100, 2))})
    small = compact(model, masks, GREY)
    images = torch.randn(5, *GREY)
    assert torch.allclose(small(images), model(images), atol=1e-5)
    assert not isinstance(small.get_submodule("conv1"), type(None))
    assert small.get_submodule("conv2").weight.shape[:2] == torch.Size(
        [model.get_submodule("conv2").out_channels - 3, model.get_submodule("conv1").out_channels - 2]
    )
    assert not any("mask" in name for name, _ in small.named_buffers())


def test_what_it_costs_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REPEATS", 1)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    found = beside_dense(model, without(model, {"1": [2]}), (1, 2, 2))
    assert (found.params, found.macs) == (4 * 2 + 2 + 2 * 2 + 2, 4 * 2 + 2 * 2)
    assert found.dense_file_bytes - found.file_bytes >= 4 * (4 + 1 + 2) - 8, "but for the header's padding"
    assert found.latency_ms > 0


def test_nothing_pruned_nothing_lost() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    assert file_bytes(compact(model, {}, (1, 2, 2))) == file_bytes(model)


def test_a_channel_whose_zero_becomes_something_else_cannot_go() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Sigmoid(), nn.Linear(3, 2))
    with pytest.raises(NotCompactable, match="outputs differ"):
        compact(model, without(model, {"1": [2]}), (1, 2, 2))
