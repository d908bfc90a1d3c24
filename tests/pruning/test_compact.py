import pytest
import torch
from torch import nn

from prunesweep.models.build import build
from prunesweep.models.settings import ConvLeNet, LeNet5, LeNet5Caffe, LeNet300100, Model
from prunesweep.pruning import compact as module
from prunesweep.pruning.compact import NotCompactable, check_compactable, compact, compare_with_dense, file_bytes
from prunesweep.pruning.selection import prunable, select
from prunesweep.pruning.settings import Layers

GREY = (1, 28, 28)
TINY = (1, 2, 2)


def masks_without(model: nn.Module, channels: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    """Set output channels of `model` to zero and return the masks. `channels`: layer -> numbers of its channels."""
    masks = {}
    for name, numbers in channels.items():
        layer = model.get_submodule(name)
        for role in ("weight", "bias"):
            parameter = layer.get_parameter(role)
            masks[f"{name}.{role}"] = torch.ones_like(parameter, dtype=torch.bool)
            masks[f"{name}.{role}"][numbers] = False
            parameter.data[numbers] = 0
    return masks


def with_sigmoid() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Sigmoid(), nn.Linear(3, 2))


def with_batch_norm() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2))


@pytest.mark.parametrize("settings", [LeNet5(), LeNet5Caffe()], ids=lambda settings: settings.name)
def test_the_outputs_equal_those_of_the_masked_network(settings: Model) -> None:
    torch.manual_seed(0)
    model = build(settings, GREY, 10).eval()
    masks = masks_without(model, {"conv1": [0, 3], "conv2": [1, 2, 5], "fc1": list(range(0, 100, 2))})
    small = compact(model, masks, GREY)
    images = torch.randn(5, *GREY)
    assert torch.allclose(small(images), model(images), atol=1e-5)
    wide = {name: model.get_submodule(name) for name in ("conv1", "conv2", "fc1", "fc2")}
    narrow = {name: small.get_submodule(name) for name in wide}
    assert narrow["conv1"].weight.shape[:2] == (wide["conv1"].out_channels - 2, 1)
    assert narrow["conv2"].weight.shape[:2] == (wide["conv2"].out_channels - 3, wide["conv1"].out_channels - 2)
    assert narrow["fc1"].out_features == wide["fc1"].out_features - 50
    assert narrow["fc2"].in_features == wide["fc2"].in_features - 50
    assert not list(small.named_buffers()), "the masks are gone"


def test_the_network_itself_is_not_modified() -> None:
    model = build(LeNet300100(), GREY, 10)
    masks = masks_without(model, {"fc1": [0, 1]})
    before = {name: value.clone() for name, value in model.state_dict().items()}
    compact(model, masks, GREY)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_cost_of_the_compact_network_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REPEATS", 1)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    comparison = compare_with_dense(model, masks_without(model, {"1": [2]}), TINY)
    assert (comparison.params, comparison.macs) == (4 * 2 + 2 + 2 * 2 + 2, 4 * 2 + 2 * 2)
    assert comparison.dense_file_bytes - comparison.file_bytes >= 4 * (4 + 1 + 2) - 8, "up to padding of the header"
    assert comparison.latency_ms > 0


def test_without_pruned_channels_nothing_is_removed() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    assert file_bytes(compact(model, {}, TINY)) == file_bytes(model)


def test_a_channel_is_kept_as_long_as_one_of_its_weights_or_its_bias_is() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    masks = masks_without(model, {"1": [0, 1, 2]})
    masks["1.weight"][0, 3] = True
    masks["1.bias"][1] = True
    assert compact(model, masks, TINY).get_submodule("1").out_features == 2


def test_a_channel_whose_zero_becomes_another_value_cannot_be_removed() -> None:
    model = with_sigmoid()
    with pytest.raises(NotCompactable, match="outputs differ"):
        compact(model, masks_without(model, {"1": [2]}), TINY)


# The check before training


@pytest.mark.parametrize(
    "settings", [LeNet5(), LeNet5Caffe(), LeNet300100(), ConvLeNet()], ids=lambda settings: settings.name
)
def test_all_lenets_pass_the_check_and_are_not_modified(settings: Model) -> None:
    model = build(settings, GREY, 10)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    check_compactable(model, select(model, Layers(), output=list(prunable(model))[-1]), GREY)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_network_with_sigmoid_is_refused_by_the_check() -> None:
    with pytest.raises(NotCompactable, match="outputs differ"):
        check_compactable(with_sigmoid(), ("1.weight", "1.bias"), TINY)


def test_a_network_that_cannot_be_traced_is_refused_by_the_check() -> None:
    class Untraceable(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(4, 3), nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.two(self.one(x.flatten(1)).view(-1, 3))  # a fixed width, which the compact network lacks

    with pytest.raises(NotCompactable, match="the network cannot be compacted"):
        check_compactable(Untraceable(), ("one.weight", "one.bias"), TINY)


def test_a_layer_keeps_one_channel() -> None:
    model = nn.Sequential(nn.Conv2d(1, 1, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(1, 2))
    assert compact(model, masks_without(model, {"0": [0]}), (1, 4, 4)).get_submodule("0").out_channels == 1
    check_compactable(model, ("0.weight", "0.bias"), (1, 4, 4))


def test_batch_norm_passes_the_check_and_fails_after_its_bias_was_trained() -> None:
    model = with_batch_norm()
    check_compactable(model, ("1.weight", "1.bias"), TINY)
    masks = masks_without(model, {"1": [2]})
    model[2].bias.data.fill_(0.5)
    with pytest.raises(NotCompactable, match="outputs differ"):
        compact(model, masks, TINY)


def test_a_class_without_weights_stays_a_class() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2), nn.LogSoftmax(1))
    assert compact(model, masks_without(model, {"1": [0], "3": [1]}), TINY).get_submodule("3").weight.shape == (2, 2)
