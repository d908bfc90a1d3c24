"""Networks as people write them: a correct result with equal bits twice, or a refusal before training."""

import json
import re
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import load_file, load_model
from support import ROOT, Compose
from torch import nn

from prunesweep.code.locate import locate
from prunesweep.errors import UsageError
from prunesweep.experiment import run as experiment
from prunesweep.experiment.saved import completed_run, load_config
from prunesweep.export.evaluate import evaluate
from prunesweep.export.write import export
from prunesweep.results.result import Result

SHORT = ("model=custom", "train.epochs=0", "finetune.epochs=1", "device=cpu", "threads=1")
SHARED = ROOT.parent / "shared" / "networks.py"


def names(path: Path) -> list[str]:
    """Return the classes in a file that can be built without arguments."""
    found = re.findall(r"^class (\w+)\(", path.read_text(), re.MULTILINE) if path.exists() else []
    return [name for name in found if name != "Head" and not name.startswith("_")]


NETWORKS = [
    f"{file}.{name}" for file in ("more_networks", "public_networks") for name in names(ROOT / "tests" / f"{file}.py")
]
NETWORKS += [f"networks.{name}" for name in names(SHARED)]
REFUSED = {
    "networks.Softmax": "Remove the softmax",
    "more_networks.WeightNorm": r"the weight of conv is computed from other parameters.*layers.exclude=\[conv\]",
    "more_networks.Masked": r"fc1.weight is computed from other parameters.*prune.remove",
    "more_networks.TwoOutputs": "the output for 2 images has shape tuple",
    "more_networks.WrongClasses": r"shape \[2, 5\], but the dataset has 10 classes",
}
"""Network -> the message."""


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(SHARED.parent)


def settings(target: str, composed: Compose, folder: Path, *overrides: str):  # type: ignore[no-untyped-def]
    return composed(*SHORT, f"model.target={target}", f"store.dir={folder / 'store'}", *overrides)


@pytest.mark.usefixtures("little_data")
@pytest.mark.parametrize("target", [name for name in NETWORKS if name not in REFUSED])
def test_a_network_has_a_correct_result_with_equal_bits_twice(target: str, composed: Compose, tmp_path: Path) -> None:
    results: list[Result] = []
    for name in ("one", "two"):
        config = settings(target, composed, tmp_path, "prune.amount=0.5", "store.enabled=false")
        results.append(experiment.run(config, tmp_path / name))
    first, second = results
    assert (tmp_path / "one" / "model.safetensors").read_bytes() == (
        tmp_path / "two" / "model.safetensors"
    ).read_bytes()
    assert first.final == second.final
    weights = load_file(tmp_path / "one" / "model.safetensors")
    network: nn.Module = locate("model.target", target)()
    zeros = sum(int((weights[layer] == 0).sum()) for layer in weights if layer.endswith("weight"))
    assert abs(zeros - first.params_pruned) <= first.params_total * 1e-5, "zeros in the file"
    if not any(nn.parameter.is_lazy(each) for each in network.parameters()):
        assert first.params_total == sum(each.numel() for each in network.parameters())
        load_model(network, tmp_path / "one" / "model.safetensors")
        left = sum(int(each.count_nonzero()) for each in network.parameters())
        assert abs(left - first.params_nonzero) <= 10, "an independent count"


@pytest.mark.parametrize("target", REFUSED)
def test_a_network_that_cannot_work_is_refused_before_training(target: str, composed: Compose, tmp_path: Path) -> None:
    if target not in NETWORKS:
        pytest.skip("../shared/networks.py does not exist")
    with pytest.raises(UsageError, match=REFUSED[target]):
        experiment.run(settings(target, composed, tmp_path), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("little_data")
@pytest.mark.parametrize("name", ["Changing", "ChangingFirst"])
def test_a_forward_that_changes_its_input_changes_nothing_else(name: str, composed: Compose, tmp_path: Path) -> None:
    results = [
        experiment.run(settings(f"more_networks.{each}", composed, tmp_path), tmp_path / each)
        for each in (name, f"Not{name}", name)
    ]
    assert results[0].dense == results[1].dense == results[2].dense
    assert results[0].final == results[1].final


def test_the_output_layer_is_found_by_running_the_network(composed: Compose, tmp_path: Path) -> None:
    channel = (
        "prune.structure=channel",
        "layers.exclude=[unused]",
        "prune.amount=0.5",
        "train.epochs=0",
        "finetune.epochs=0",
    )
    result = experiment.run(settings("more_networks.HeadDeclaredFirst", composed, tmp_path, *channel), tmp_path / "run")
    kept = {layer["name"]: layer["nonzero"] == layer["total"] for layer in result.layers}
    assert kept == {"head": True, "conv": False, "unused": True}
    lottery = ("schedule=lottery", "schedule.rounds=1", "train.epochs=0", "prune.amount=0.8")
    result = experiment.run(settings("more_networks.HeadDeclaredFirst", composed, tmp_path, *lottery), tmp_path / "two")
    sparsity = {layer["name"]: layer["sparsity"] for layer in result.layers}
    assert sparsity["head"] == pytest.approx(0.4, abs=0.01)


def test_synflow_uses_what_lies_before_log_softmax(composed: Compose, tmp_path: Path) -> None:
    masks = []
    for target in ("more_networks.Plain", "more_networks.LogProbabilities"):
        config = settings(target, composed, tmp_path, "prune=synflow", "train.epochs=0", "finetune.epochs=0")
        experiment.run(config, tmp_path / target)
        masks.append({k: v == 0 for k, v in load_file(tmp_path / target / "model.safetensors").items()})
    assert all(torch.equal(masks[0][name], masks[1][name]) for name in masks[0])


def test_gradients_score_frozen_layers_and_refuse_unused_ones(composed: Compose, tmp_path: Path) -> None:
    snip = ("prune=snip", "train.epochs=0", "finetune.epochs=0", "prune.amount=0.5")
    result = experiment.run(settings("more_networks.FrozenFirst", composed, tmp_path, *snip), tmp_path / "run")
    assert 0 < result.layers[0]["sparsity"] < 1
    with pytest.raises(UsageError, match=r"does not depend on unused.weight.*layers.exclude=\[unused\]"):
        experiment.run(settings("more_networks.HeadDeclaredFirst", composed, tmp_path, *snip), tmp_path / "two")


@pytest.mark.parametrize("target", ["Normalized", "Views", "TwoNames", "AlwaysRandom"])
def test_every_network_can_be_exported(target: str, composed: Compose, tmp_path: Path) -> None:
    overrides = (*SHORT, f"model.target=more_networks.{target}", "store.enabled=false", "prune.amount=0.5")
    config = composed(*overrides)
    result = experiment.run(config, tmp_path / "run")
    (tmp_path / "run" / ".hydra").mkdir()
    (tmp_path / "run" / ".hydra" / "config.yaml").write_text(OmegaConf.to_yaml(OmegaConf.structured(config)))
    loaded, _ = load_config(completed_run(tmp_path / "run"), trust=True)
    for form in ("safetensors", "csr"):
        exported = export(completed_run(tmp_path / "run"), loaded, form, None)
        assert exported.accuracy.fraction == result.final["test_accuracy"]
        assert evaluate(exported.path, None, None, "test", trust=True)[0] == exported.accuracy
    assert json.loads((tmp_path / "run" / "result.json").read_text())["status"] == "completed"


@pytest.mark.parametrize("structure", ["prune.structure=channel", "prune.structure=n_of_m"])
def test_structures_of_transposed_convolutions_are_refused(structure: str, composed: Compose, tmp_path: Path) -> None:
    overrides = ("layers.kinds=[conv,fc,conv_transpose]", "layers.exclude=[head]", structure)
    with pytest.raises(UsageError, match=r"only be pruned with prune.structure=unstructured.*layers.exclude=\[up\]"):
        experiment.run(settings("more_networks.UpAndDown", composed, tmp_path, *overrides), tmp_path / "run")


@pytest.mark.usefixtures("little_data")
def test_transposed_convolutions_can_be_pruned(composed: Compose, tmp_path: Path) -> None:
    overrides = ("layers.kinds=[conv_transpose]", "prune.amount=0.5", "train.epochs=0")
    result = experiment.run(settings("more_networks.UpAndDown", composed, tmp_path, *overrides), tmp_path / "run")
    assert (result.params_selected, result.params_pruned) == (128, 64)
    assert result.macs_total - result.macs_nonzero == 64 * 7 * 7, "a weight is used at 7 x 7 input positions"


def test_layers_that_cannot_be_pruned_are_listed(composed: Compose, tmp_path: Path) -> None:
    result = experiment.run(settings("more_networks.Rows", composed, tmp_path), tmp_path / "run")
    lists = {layer["name"]: (layer["kind"], layer["params"]) for layer in result.other_layers}
    rows = locate("model.target", "more_networks.Rows")()
    recurrent = next(name for name, module in rows.named_modules() if isinstance(module, nn.RNNBase))
    assert lists[recurrent][1] == sum(each.numel() for each in rows.get_submodule(recurrent).parameters())
    assert sum(params for _, params in lists.values()) + sum(layer["total"] for layer in result.layers) == (
        result.params_total
    )


def test_a_network_that_is_a_layer_has_a_name(composed: Compose, tmp_path: Path) -> None:
    overrides = ("layers.include=['(network)']", "prune.amount=0.5")
    result = experiment.run(
        settings("public_networks.LinearClassifier", composed, tmp_path, *overrides), tmp_path / "run"
    )
    assert [(layer["name"], layer["kind"], layer["nonzero"]) for layer in result.layers] == [("(network)", "fc", 3_930)]


def test_layers_that_the_forward_pass_does_not_call_have_no_channels(composed: Compose, tmp_path: Path) -> None:
    config = settings("more_networks.HeadDeclaredFirst", composed, tmp_path, "prune.structure=channel")
    with pytest.raises(UsageError, match=r"does not call unused.* Exclude it: 'layers.exclude=\[unused\]'"):
        experiment.run(config, tmp_path / "run")
