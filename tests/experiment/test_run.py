import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support import Compose
from torch.nn.utils.prune import L1Unstructured, global_unstructured

from prunesweep.config import RunConfig
from prunesweep.errors import UsageError
from prunesweep.experiment import run as experiment
from prunesweep.models.settings import LeNet5
from prunesweep.results.result import Result

SHORT = ("train.epochs=1", "finetune.epochs=1", "device=cpu")

CONTRACT = {
    "status", "model", "dataset", "seed", "digest", "dense_digest", "overrides", "amount", "params_total",
    "params_selected", "params_pruned", "params_nonzero", "sparsity", "param_reduction", "compression", "macs_total",
    "macs_nonzero", "theoretical_speedup", "dense", "pruned", "final", "layers", "history", "seconds", "steps_total",
    "steps_cached",
}  # fmt: skip


@pytest.fixture
def short(composed: Compose, tmp_path: Path) -> Compose:
    def make(*overrides: str) -> RunConfig:
        return composed(*SHORT, f"store.dir={tmp_path / 'store'}", *overrides)

    return make


def timeless(result: Result) -> dict[str, object]:
    fields = json.loads(json.dumps(vars(result)))
    history = [{**epoch, "seconds": 0} for epoch in fields["history"]]
    return {**fields, "seconds": 0, "steps_cached": 0, "history": history}


def test_every_field_of_the_contract(short: Compose, tmp_path: Path) -> None:
    result = experiment.run(short("prune.amount=0.2"), tmp_path, ["prune.amount=0.2"])
    saved = json.loads((tmp_path / "result.json").read_text())
    assert saved.keys() >= CONTRACT
    assert saved["final"] == result.final
    for point in ("dense", "pruned", "final"):
        assert saved[point].keys() == {"val_accuracy", "val_loss", "test_accuracy", "test_loss"}
    assert [set(layer) for layer in saved["layers"]] == [{"name", "kind", "total", "nonzero", "sparsity"}] * 5
    epoch = {"step", "epoch", "sparsity", "lr", "train_loss", "val_accuracy", "seconds"}
    assert all(entry.keys() >= epoch for entry in saved["history"])
    assert [entry["step"] for entry in saved["history"]] == [1, 3]


def test_the_counts_agree_with_the_weights(short: Compose, tmp_path: Path) -> None:
    result = experiment.run(short("prune.amount=0.5", "layers=fc"), tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    assert result.params_total == sum(weight.numel() for weight in weights.values()) == 61_706
    assert result.params_selected == 48_000 + 10_080 + 840
    assert result.params_pruned == 29_460
    assert result.params_nonzero == sum(int(weight.count_nonzero()) for weight in weights.values()) == 61_706 - 29_460
    assert result.sparsity == 0.5
    assert result.param_reduction == 29_460 / 61_706
    assert result.compression == 61_706 / (61_706 - 29_460)
    assert sum(layer["total"] for layer in result.layers) == result.params_total
    assert sum(layer["nonzero"] for layer in result.layers) == result.params_nonzero


@pytest.mark.parametrize("amount", [0.1, 0.2, 0.5])
def test_the_masks_are_those_of_a_few_lines_of_torch(amount: float, short: Compose, tmp_path: Path) -> None:
    experiment.run(short("prune.amount=0", "finetune.epochs=0"), tmp_path / "dense")
    experiment.run(short(f"prune.amount={amount}", "finetune.epochs=0"), tmp_path / "pruned")

    model = LeNet5().build((1, 28, 28), 10)
    model.load_state_dict(load_file(tmp_path / "dense" / "model.safetensors"))
    places = [(model.get_submodule(name), "weight") for name in ("conv1", "conv2", "fc1", "fc2", "fc3")]
    global_unstructured(places, pruning_method=L1Unstructured, amount=amount)

    ours = load_file(tmp_path / "pruned" / "model.safetensors")
    for name in ("conv1", "conv2", "fc1", "fc2", "fc3"):
        theirs = model.get_submodule(name)
        assert torch.equal(ours[f"{name}.weight"], theirs.weight)
        assert torch.equal(ours[f"{name}.weight"] != 0, theirs.weight_mask.bool())


def test_a_run_from_the_store_is_the_run_itself(short: Compose, tmp_path: Path) -> None:
    cold = experiment.run(short(), tmp_path / "cold")
    warm = experiment.run(short(), tmp_path / "warm")
    without = experiment.run(short("store.enabled=false"), tmp_path / "without")
    assert (cold.steps_cached, warm.steps_cached, without.steps_cached) == (0, 4, 0)
    assert timeless(cold) == timeless(warm) == timeless(without)
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("cold", "warm", "without")]
    assert files[0] == files[1] == files[2]


def test_a_run_from_the_store_reads_no_images(short: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = short("model=lenet_300_100", "train.epochs=0", "finetune.epochs=0")
    cold = experiment.run(settings, tmp_path / "cold")

    def refuse(*_: object) -> None:
        raise AssertionError("the images are read")

    monkeypatch.setattr("prunesweep.chain.context.load", refuse)
    assert experiment.run(settings, tmp_path / "warm").final == cold.final


def test_more_fine_tuning_continues_what_there_is(short: Compose, tmp_path: Path) -> None:
    experiment.run(short("finetune.epochs=1"), tmp_path / "one")
    longer = experiment.run(short("finetune.epochs=2"), tmp_path / "two")
    at_once = experiment.run(short("finetune.epochs=2", "store.enabled=false"), tmp_path / "at_once")
    assert longer.steps_cached == 4
    assert timeless(longer) == timeless(at_once)


@pytest.mark.parametrize(("layers", "selected", "nonzero"), [("article", 149_016, 129_735), ("all", 159_384, 127_661)])
def test_the_articles_experiment(layers: str, selected: int, nonzero: int, short: Compose, tmp_path: Path) -> None:
    overrides = ("experiment=article", "train.epochs=0", "finetune.epochs=0", f"layers={layers}")
    result = experiment.run(short(*overrides), tmp_path)
    assert result.model == "conv_lenet"
    assert result.amount == 0.2
    assert result.params_total == 159_538
    assert result.params_selected == selected
    assert result.params_pruned == 159_538 - nonzero
    assert result.params_nonzero == nonzero


def test_everything_pruned_is_still_a_result(short: Compose, tmp_path: Path) -> None:
    overrides = ("model=lenet_300_100", "prune.amount=1", "layers.biases=true", "train.epochs=0", "finetune.epochs=0")
    result = experiment.run(short(*overrides), tmp_path)
    assert result.params_nonzero == 0
    assert result.compression is None
    assert result.theoretical_speedup is None


def test_a_batch_larger_than_the_split(short: Compose, tmp_path: Path) -> None:
    results = [
        experiment.run(short(f"train.batch_size={size}", "finetune.epochs=0"), tmp_path / str(size))
        for size in (3_500, 10_000)
    ]
    assert results[0].dense == results[1].dense


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("layers.include=[conv9]", r"layers.include=\[conv9\].*conv1"),
        ("model=custom model.target=torch.nn.Flatten", r"shape \[2, 784\], but the data set has 10 classes"),
        ("dataset=kmnist dataset.root=/absent", "dataset.root=/absent"),
        ("device=cuda", "device=cuda: this machine has no CUDA device"),
        ("device=cuda:3", "device=cuda:3"),
    ],
)
def test_nothing_is_computed_when_the_settings_do_not_fit(
    override: str, message: str, short: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match=message):
        experiment.run(short(*override.split()), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "store").exists()
