import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.nn.utils import prune as torch_prune

import prunesweep
from prunesweep import prune
from prunesweep.chain.context import Context
from prunesweep.data.settings import NamedDataset
from prunesweep.errors import UsageError
from prunesweep.models.settings import LeNet300100
from prunesweep.pruning.criteria import CRITERIA
from prunesweep.pruning.scoring import ParameterView


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 20), nn.ReLU(), nn.Linear(20, 10)
    )


def examples(count: int = 32) -> tuple[Tensor, Tensor]:
    return torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(count) % 10


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


LAYERS = ("0", "3", "5")


@pytest.mark.parametrize("amount", [0.0, 0.3, 0.9, 1.0])
def test_masks_are_those_of_torch(amount: float) -> None:
    ours, theirs = net(), net()
    masks = prune(ours, amount)
    selected = [(theirs.get_submodule(name), "weight") for name in LAYERS]
    torch_prune.global_unstructured(selected, torch_prune.L1Unstructured, amount=amount)
    assert same(masks, {f"{name}.weight": theirs.get_buffer(f"{name}.weight_mask").bool() for name in LAYERS})
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    images, labels = examples()
    assert torch.equal(ours(images), theirs(images))
    for model in (ours, theirs):
        nn.functional.cross_entropy(model(images), labels).backward()
    gradients = [model.get_parameter("3.weight_orig").grad for model in (ours, theirs)]
    assert gradients[0] is not None
    assert torch.equal(*gradients)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", LAYERS)
def test_the_scope_layerwise_is_l1_unstructured_of_each_layer(name: str) -> None:
    masks = prune(net(), 0.5, scope="layerwise")
    layer = torch_prune.l1_unstructured(net().get_submodule(name), "weight", 0.5)
    assert torch.equal(masks[f"{name}.weight"], layer.weight_mask.bool())


REMEMBERING = [name for name, each in CRITERIA.items() if each.needs_initial or each.needs_movement]


@pytest.mark.parametrize("criterion", [name for name in CRITERIA if name not in REMEMBERING])
def test_every_criterion_prunes_the_exact_number(criterion: str) -> None:
    model = net()
    before = copy.deepcopy(model.state_dict())
    masks = prune(model, 0.75, criterion=criterion, data=examples(), batch_size=8)
    total = sum(mask.numel() for mask in masks.values())
    assert sum(int(mask.sum()) for mask in masks.values()) == total - round(0.75 * total)
    assert all(torch.equal(before[name], model.get_parameter(f"{name}_orig")) for name in masks), "torch keeps them"
    assert model.training, "the mode is that of the user"
    assert same(masks, prune(net(), 0.75, criterion=criterion, data=examples(), batch_size=8)), "repeatable"


def test_random_scores_follow_the_seed() -> None:
    first, second, third = (prune(net(), 0.5, criterion="random", seed=seed) for seed in (0, 1, 0))
    assert same(first, third)
    assert not same(first, second)


def test_layers_are_selected_by_name_and_kind() -> None:
    assert list(prune(net(), 0.5, exclude=["5"])) == ["0.weight", "3.weight"]
    assert list(prune(net(), 0.5, kinds=["conv"], biases=True)) == ["0.weight", "0.bias"]
    model = net()
    masks = prune(model, per_layer={"3": 0.5}, include=["3"])
    assert int(masks["3.weight"].sum()) == 4 * 36 * 10
    assert isinstance(model[5].weight, nn.Parameter)


def test_without_an_amount_only_the_layers_with_a_fraction_of_their_own_are_pruned() -> None:
    masks = prune(net(), per_layer={"3": 0.5})
    kept = {name: float(mask.double().mean()) for name, mask in masks.items()}
    assert kept == {"0.weight": 1.0, "3.weight": 0.5, "5.weight": 1.0}


def test_a_compression_counts_the_parameters_of_the_whole_module() -> None:
    model = net()
    total = sum(parameter.numel() for parameter in model.parameters())
    pruned = sum(int((~mask).sum()) for mask in prune(model, compression=4).values())
    assert total - pruned == round(total / 4)


def test_channels_are_pruned_whole_except_those_of_the_last_layer() -> None:
    masks = prune(net(), 0.5, structure="channel", input_shape=(1, 8, 8))
    assert list(masks) == ["0.weight", "0.bias", "3.weight", "3.bias"]
    assert sum(int(masks[name].sum()) for name in ("0.bias", "3.bias")) == 12
    assert torch.equal(masks["3.weight"].all(1), masks["3.bias"])
    assert torch.equal(masks["3.weight"].any(1), masks["3.bias"])


def test_two_of_four() -> None:
    masks = prune(net(), structure="n_of_m", include=["3", "5"])
    assert set(masks["3.weight"].view(-1, 4).sum(1).tolist()) == {2}


def test_a_function_is_a_criterion() -> None:
    def largest_first(of: ParameterView) -> Tensor:
        return -of.weight.abs()

    def squared_gradient(of: ParameterView) -> Tensor:
        return of.squared_gradient

    model = net()
    masks = prune(model, 0.5, criterion=largest_first)
    weight = model.get_parameter("5.weight_orig").abs()
    assert weight[masks["5.weight"]].max() < weight[~masks["5.weight"]].min()
    assert len(prune(net(), 0.5, criterion=squared_gradient, data=examples())) == 3
    with pytest.raises(UsageError, match="cannot use gradients"):
        prune(net(), 0.5, criterion=squared_gradient)


def test_a_second_pruning_continues_the_first() -> None:
    model = net()
    first = prune(model, 0.5)
    nn.functional.cross_entropy(model(examples()[0]), examples()[1]).backward()
    with torch.no_grad():
        for name in LAYERS:
            model.get_parameter(f"{name}.weight_orig").mul_(-3)
    second = prune(model, 0.8, criterion="snip", data=examples())
    assert not any(bool((second[name] & ~first[name]).any()) for name in first), "pruned weights stay pruned"
    total = sum(mask.numel() for mask in second.values())
    assert sum(int(mask.sum()) for mask in second.values()) == total - round(0.8 * total)
    assert all(torch.equal(model.get_buffer(f"{name}_mask").bool(), second[name]) for name in second)
    for name in LAYERS:
        torch_prune.remove(model.get_submodule(name), "weight")
    assert all(torch.equal(model.get_parameter(name) != 0, mask) for name, mask in second.items())


def test_a_pruning_by_torch_is_continued() -> None:
    model = net()
    torch_prune.random_unstructured(model[3], "weight", 0.5)
    torch_prune.l1_unstructured(model[3], "bias", 2)
    before = model[3].weight_mask.bool()
    masks = prune(model, 0.75, include=["3"])
    assert not bool((masks["3.weight"] & ~before).any())
    assert int(masks["3.weight"].sum()) == 4 * 36 * 20 // 4
    assert int(model[3].bias_mask.sum()) == 18, "other masks are not changed"


def test_a_pass_counts_what_earlier_passes_pruned() -> None:
    one, many = (prune(net(), 0.9, criterion="synflow", input_shape=(1, 8, 8), iterations=n) for n in (1, 20))
    assert sum(int(mask.sum()) for mask in one.values()) == sum(int(mask.sum()) for mask in many.values())
    assert not same(one, many)


def test_tied_weights_have_one_mask_in_both_layers() -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))
    model[2].weight = model[0].weight
    masks = prune(model, 0.5)
    assert list(masks) == ["0.weight"]
    assert torch.equal(model[0].weight, model[2].weight)
    assert int(model[2].weight.count_nonzero()) == 32
    again = prune(model, 0.75)
    assert int(again["0.weight"].sum()) == int(model[2].weight.count_nonzero()) == 16


def test_a_layer_with_two_names_is_pruned_once() -> None:
    shared = nn.Linear(8, 8)
    model = nn.Sequential(shared, nn.ReLU(), shared)
    assert int(prune(model, 0.5)["0.weight"].sum()) == 32
    assert len(shared._forward_pre_hooks) == 1


def test_a_module_that_is_a_layer_itself() -> None:
    layer = nn.Linear(8, 8)
    assert int(prune(layer, 0.5)["weight"].sum()) == 32
    assert int(prune(layer, 0.75)["weight"].sum()) == int(layer.weight.count_nonzero()) == 16
    with pytest.raises(UsageError, match="selects no layer except the last"):
        prune(nn.Linear(8, 8), 0.5, structure="channel", input_shape=(8,))


def test_frozen_weights_are_pruned_and_stay_frozen() -> None:
    model = net().requires_grad_(False)
    prune(model, 0.5, criterion="snip", data=examples())
    assert not any(parameter.requires_grad for parameter in model.parameters())


class Unused(nn.Module):
    """A network with a layer that it does not use, and one that fails."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.unused = nn.Linear(64, 10), nn.Linear(4, 4)

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(images.flatten(1))  # type: ignore[no-any-return]


def nan(of: ParameterView) -> Tensor:
    return of.weight / 0 * 0


def broken(of: ParameterView) -> Tensor:
    raise RuntimeError("my mistake")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "prune.amount: give the amount or the compression"),
    ({"amount": 1.5}, "prune.amount=1.5: must be at least 0 and at most 1"),
    ({"amount": 0.5, "criterion": "snap"}, "criterion=snap: must be one of l1, l2, .* Did you mean 'snip'"),
    ({"amount": 0.5, "criterion": "movement"}, "criterion=movement: needs a record of the training of the module"),
    ({"amount": 0.5, "criterion": "none"}, "criterion=none: must be one of"),
    ({"amount": 0.5, "criterion": "snip"}, r"criterion=snip: scores weights by training examples. Give data="),
    ({"amount": 0.5, "criterion": "synflow"}, "criterion=synflow: needs input_shape"),
    ({"amount": 0.5, "criterion": nan}, r"criterion=nan: the scores of 0.weight must be numbers of shape \[4, 1"),
    ({"amount": 0.5, "criterion": broken}, r"criterion=broken: 0.weight cannot be scored \(RuntimeError: my mistake\)"),
    ({"amount": 0.5, "scope": "locally"}, "prune.scope=locally: must be one of"),
    ({"amount": 0.5, "include": "3"}, r"include='3': must be a list, such as \['3'\]"),
    ({"amount": 0.5, "include": ["fc9"]}, r"layers.include=\[fc9\]: matches no layer. The prunable layers are 0"),
    ({"amount": 0.5, "structure": "channel"}, "structure=channel: needs input_shape"),
    ({"amount": 0.5, "structure": "channel", "input_shape": (3, 8, 8)}, r"=\(3, 8, 8\): the forward pass fails"),
    ({"amount": 0.5, "data": examples()[0]}, "data: must be two tensors"),
    ({"amount": 0.5, "data": (examples(3)[0], examples(4)[1])}, "data: must be two tensors"),
    ({"amount": 0.5, "data": (examples(3)[0], torch.zeros(3))}, "data: must be two tensors"),
    ({"structure": "n_of_m", "biases": True}, "layers.biases=true: prune.structure=n_of_m prunes groups"),
    ({"amount": 0.99, "floor": 0.5}, "prune.floor=0.5: .* should be pruned, but at most"),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "message"), WRONG)
def test_wrong_settings_give_one_message_and_change_nothing(settings: dict[str, Any], message: str) -> None:
    model = net()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(UsageError, match=message):
        prune(model, **settings)
    assert before.keys() == model.state_dict().keys()
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not any(module._forward_pre_hooks for module in model.modules())


def weight_norm() -> nn.Module:
    return nn.Sequential(parametrizations.weight_norm(nn.Linear(4, 4)))


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (Unused, {"criterion": "snip"}, r"exclude its layer: exclude=\['fc'\]|exclude=\['unused'\]"),
        (weight_norm, {}, "the weight of 0 is computed from other parameters"),
        (lambda: nn.Sequential(nn.ConvTranspose2d(4, 4, 3)), {"kinds": ["conv_transpose"], "structure": "n_of_m"},
         "transposed convolutions can only be pruned with structure='unstructured'"),
        (nn.Sequential, {}, "matches no layer. The prunable layers are none"),
        (lambda: "net", {}, "module: must be a torch.nn.Module, not str"),
    ],
)  # fmt: skip
def test_modules_that_cannot_be_pruned(make: Callable[[], Any], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        prune(make(), **{"amount": 0.5, "data": (torch.randn(4, 1, 8, 8), torch.arange(4)), **settings})


def test_a_copy_that_fails_leaves_the_module_as_it_was() -> None:
    model = net()
    prune(model, 0.5)
    model(examples()[0])
    computed = model[3].weight
    model.lock = (number for number in [1])  # type: ignore[assignment]
    with pytest.raises(UsageError, match="module: cannot be copied"):
        prune(model, 0.8)
    assert model[3].weight is computed


@pytest.mark.usefixtures("little_data")
@pytest.mark.parametrize("settings", [{}, {"scope": "layerwise"}, {"criterion": "lamp", "exclude": ["fc3"]}])
def test_masks_are_those_of_a_run(settings: dict[str, Any], tmp_path: Path) -> None:
    fields = {"criterion": "prune.criterion={}", "scope": "prune.scope={}", "exclude": "layers.exclude={}"}
    overrides = [fields[key].format(value).replace("'", "") for key, value in settings.items()]
    untrained = ("model=lenet_300_100", "train.epochs=0", "finetune.epochs=0", "store.enabled=false", "threads=1")
    run = prunesweep.run(*untrained, "prune.amount=0.9", *overrides, dir=tmp_path / "run")
    model = Context(LeNet300100(), NamedDataset(), "cpu").initial(0)
    assert same(prune(model, 0.9, **settings), prunesweep.masks(run.directory))
