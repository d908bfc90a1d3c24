import json
import random
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from support import Compose
from torch import Tensor, nn
from torch.nn.utils.prune import L1Unstructured, global_unstructured

from prunesweep.chain.steps import Diverged
from prunesweep.errors import UsageError
from prunesweep.experiment import run as experiment
from prunesweep.models.build import build
from prunesweep.models.settings import LeNet5
from prunesweep.report.console.run_line import line
from prunesweep.results.result import Result
from prunesweep.store.store import Store

UNTRAINED = ("train.epochs=0", "finetune.epochs=0")

CONTRACT = {
    "status", "model", "dataset", "seed", "digest", "dense_digest", "overrides", "amount", "params_total",
    "params_selected", "params_pruned", "params_nonzero", "sparsity", "param_reduction", "compression", "macs_total",
    "macs_nonzero", "theoretical_speedup", "dense", "pruned", "final", "layers", "history", "seconds", "steps_total",
    "steps_cached",
}  # fmt: skip


def timeless(result: Result) -> dict[str, object]:
    fields = json.loads(json.dumps(vars(result)))
    history = [{**epoch, "seconds": 0} for epoch in fields["history"]]
    return {**fields, "seconds": 0, "steps_cached": 0, "history": history}


def test_a_result_has_every_field_of_the_contract(short: Compose, tmp_path: Path) -> None:
    result = experiment.run(short("prune.amount=0.2"), tmp_path, ["prune.amount=0.2"])
    saved = json.loads((tmp_path / "result.json").read_text())
    assert saved.keys() >= CONTRACT
    assert saved["final"] == result.final
    for point in ("dense", "pruned", "final"):
        assert saved[point].keys() == {"val_accuracy", "val_loss", "test_accuracy", "test_loss"}
    assert [set(layer) for layer in saved["layers"]] == [{"name", "kind", "total", "nonzero", "sparsity"}] * 3
    epoch = {"step", "phase", "round", "epoch", "sparsity", "lr", "train_loss", "val_accuracy", "seconds"}
    assert all(entry.keys() >= epoch for entry in saved["history"])
    assert [entry["step"] for entry in saved["history"]] == [1, 3]
    assert (saved["compact"], saved["compact_error"]) == (None, None)


def test_the_counts_agree_with_the_weights(short: Compose, tmp_path: Path) -> None:
    result = experiment.run(short("model=lenet5", *UNTRAINED, "prune.amount=0.5", "layers=fc"), tmp_path)
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


def test_the_result_is_the_network_of_the_best_epoch_and_says_which(
    short: Compose, tmp_path: Path, little_data: None
) -> None:
    options = ("schedule=iterative", "schedule.rounds=2", "finetune.epochs=3", "finetune.best=true")
    result = experiment.run(short(*options, "finetune.distill=0.5"), tmp_path / "a")
    rounds = {1: result.rounds[0], 2: vars(result)}
    for number, point in rounds.items():
        epochs = [entry for entry in result.history if entry["round"] == number]
        best = max(epochs, key=lambda each: (each["val_accuracy"], -each["val_loss"], each["epoch"]))
        assert point["best_epoch"] == best["epoch"]
        assert point["final"]["val_accuracy"] == best["val_accuracy"]
        assert point["final"]["val_loss"] == best["val_loss"]
    again = experiment.run(short(*options, "finetune.distill=0.5"), tmp_path / "b")
    assert timeless(again) == timeless(result)
    assert again.steps_cached == again.steps_total
    assert experiment.run(short(), tmp_path / "c").best_epoch is None


def test_a_run_is_the_same_without_a_store(short: Compose, tmp_path: Path, little_data: None) -> None:
    options = ("finetune.epochs=3", "finetune.average=2", "finetune.distill=0.5", "finetune.warmup=1")
    stored, alone = (
        experiment.run(short(*options, f"store.enabled={enabled}"), tmp_path / enabled) for enabled in ("true", "false")
    )
    assert timeless(stored) == timeless(alone)


def test_a_collapsed_run_says_so(short: Compose, tmp_path: Path) -> None:
    collapsed = experiment.run(short("prune.amount=0.999", "prune.scope=global", *UNTRAINED), tmp_path / "0")
    saved = json.loads((tmp_path / "0" / "result.json").read_text())
    assert saved["collapsed"] == collapsed.collapsed == f"no signal passes {', '.join(collapsed.dead_layers)}"
    assert f"; COLLAPSED: {collapsed.collapsed}" in line(collapsed, tmp_path)
    fine = experiment.run(short("prune.amount=0.5"), tmp_path / "1")
    assert fine.collapsed is None
    assert "COLLAPSED" not in line(fine, tmp_path)


def test_a_schedule_with_many_rounds_protects_paths_and_says_how_many_weights_it_kept(
    short: Compose, tmp_path: Path
) -> None:
    rounds = ("prune.amount=0.9999", "schedule=iterative", "schedule.rounds=1", *UNTRAINED)
    protected = experiment.run(short(*rounds), tmp_path / "0")
    saved = json.loads((tmp_path / "0" / "result.json").read_text())
    assert saved["protected"] == protected.protected > 0
    assert f"; kept for a path: {protected.protected}" in line(protected, tmp_path)
    assert not protected.dead_layers
    without = experiment.run(short(*rounds, "prune.protect=none"), tmp_path / "1")
    assert without.dead_layers
    assert (without.params_nonzero, without.protected) == (protected.params_nonzero, 0)
    assert "kept for a path" not in line(without, tmp_path)


@pytest.mark.parametrize("amount", [0.1, 0.2, 0.5])
def test_the_masks_equal_those_of_a_few_lines_of_torch(amount: float, short: Compose, tmp_path: Path) -> None:
    experiment.run(short("model=lenet5", *UNTRAINED, "prune.amount=0"), tmp_path / "dense")
    experiment.run(short("model=lenet5", *UNTRAINED, f"prune.amount={amount}"), tmp_path / "pruned")

    model = build(LeNet5(), (1, 28, 28), 10)
    model.load_state_dict(load_file(tmp_path / "dense" / "model.safetensors"))
    places = [(model.get_submodule(name), "weight") for name in ("conv1", "conv2", "fc1", "fc2", "fc3")]
    global_unstructured(places, pruning_method=L1Unstructured, amount=amount)

    ours = load_file(tmp_path / "pruned" / "model.safetensors")
    for name in ("conv1", "conv2", "fc1", "fc2", "fc3"):
        theirs = model.get_submodule(name)
        assert torch.equal(ours[f"{name}.weight"], theirs.weight)
        assert torch.equal(ours[f"{name}.weight"] != 0, theirs.weight_mask.bool())


def test_a_run_from_the_store_gives_the_same_result(short: Compose, tmp_path: Path) -> None:
    cold = experiment.run(short(), tmp_path / "cold")
    warm = experiment.run(short(), tmp_path / "warm")
    without = experiment.run(short("store.enabled=false"), tmp_path / "without")
    assert (cold.steps_cached, warm.steps_cached, without.steps_cached) == (0, 4, 0)
    assert timeless(cold) == timeless(warm) == timeless(without)
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("cold", "warm", "without")]
    assert files[0] == files[1] == files[2]


def test_a_run_from_the_store_reads_no_images(short: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = short(*UNTRAINED)
    cold = experiment.run(settings, tmp_path / "cold")

    def refuse(*_: object) -> None:
        raise AssertionError("the images were read")

    monkeypatch.setattr("prunesweep.chain.context.load", refuse)
    assert experiment.run(settings, tmp_path / "warm").final == cold.final


def test_more_fine_tuning_continues_a_shorter_run(short: Compose, tmp_path: Path) -> None:
    experiment.run(short("finetune.epochs=1"), tmp_path / "one")
    longer = experiment.run(short("finetune.epochs=2"), tmp_path / "two")
    at_once = experiment.run(short("finetune.epochs=2", "store.enabled=false"), tmp_path / "at_once")
    assert longer.steps_cached == 4
    assert timeless(longer) == timeless(at_once)


@pytest.mark.parametrize(("layers", "selected", "nonzero"), [("article", 149_016, 129_735), ("all", 159_384, 127_661)])
def test_the_article_experiment(layers: str, selected: int, nonzero: int, composed: Compose, tmp_path: Path) -> None:
    article = composed("experiment=article", f"layers={layers}", *UNTRAINED, "device=cpu", "store.enabled=false")
    result = experiment.run(article, tmp_path)
    assert result.model == "conv_lenet"
    assert result.amount == 0.2
    assert result.params_total == 159_538
    assert result.params_selected == selected
    assert result.params_pruned == 159_538 - nonzero
    assert result.params_nonzero == nonzero


def test_a_run_that_prunes_every_weight_has_a_result(short: Compose, tmp_path: Path) -> None:
    result = experiment.run(short(*UNTRAINED, "prune.amount=1", "layers.biases=true"), tmp_path)
    assert result.params_nonzero == 0
    assert result.compression is None
    assert result.theoretical_speedup is None


def test_a_batch_can_be_larger_than_the_split(short: Compose, tmp_path: Path) -> None:
    results = [
        experiment.run(short(f"train.batch_size={size}", "finetune.epochs=0"), tmp_path / str(size))
        for size in (3_500, 10_000)
    ]
    assert results[0].dense == results[1].dense


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("schedule=gradual schedule.epochs=2", [("dense", 0), ("ramp", 1), ("ramp", 1), ("finetune", 1)]),
        ("schedule=lottery schedule.rounds=1 schedule.control=reinit", [("dense", 0), ("ticket", 1), ("control", 1)]),
    ],
)
def test_the_history_names_the_phase_and_round_of_each_epoch(
    schedule: str, expected: list[tuple[str, int]], short: Compose, tmp_path: Path
) -> None:
    experiment.run(short("model=lenet_300_100", *schedule.split()), tmp_path)
    history = json.loads((tmp_path / "result.json").read_text())["history"]
    assert [(entry["phase"], entry["round"]) for entry in history] == expected


OUTPUTS = ("result.json", "model.safetensors", "provenance.json", "export/model.onnx", "export/model.csr.safetensors")
OTHERS = (".hydra/config.yaml", "notes.txt", "model.txt", "export/notes.txt", "export/deeper/model.onnx")


@pytest.fixture
def used(short: Compose, tmp_path: Path) -> Path:
    """A directory with the outputs of a run, exported networks, and files of the user."""
    folder = tmp_path / "used"
    experiment.run(short(*UNTRAINED), folder)
    for name in (*OUTPUTS[3:], *OTHERS):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    assert files(folder) == {*OUTPUTS, *OTHERS}
    return folder


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("overrides", "error"),
    [
        ("model=lenet_300_100 optimizer.lr=1e30", Diverged),
        ("layers.include=[conv9]", UsageError),
        ("schedule=gradual prune.iterations=3", UsageError),
        ("model=custom model.target=absent.Net", UsageError),
        ("dataset=kmnist dataset.root=/absent", UsageError),
    ],
)
def test_a_failed_run_in_a_used_directory_leaves_no_result_of_the_earlier_run(
    overrides: str, error: type[Exception], used: Path, short: Compose
) -> None:
    with pytest.raises(error):
        experiment.run(short(*overrides.split()), used)
    assert files(used) == set(OTHERS)
    assert all((used / name).read_text() == name for name in OTHERS)


def test_the_outputs_of_an_earlier_run_are_removed_before_the_first_step(used: Path, short: Compose) -> None:
    def interrupt(total: int) -> Any:
        assert files(used) == set(OTHERS)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        experiment.run(short(*UNTRAINED), used, progress=interrupt)


def test_a_completed_run_in_a_used_directory_replaces_the_outputs(used: Path, short: Compose) -> None:
    result = experiment.run(short(*UNTRAINED, "prune.amount=0.9"), used)
    assert files(used) == {*OUTPUTS[:3], *OTHERS}
    assert json.loads((used / "result.json").read_text())["digest"] == result.digest
    provenance = json.loads((used / "provenance.json").read_text())
    assert provenance["steps"][-1]["digest"] == result.digest


def normalized_linear() -> nn.Module:
    layers = {"flat": nn.Flatten(), "fc1": nn.Linear(784, 20), "norm": nn.BatchNorm1d(20), "relu": nn.ReLU()}
    return nn.Sequential(OrderedDict({**layers, "fc2": nn.Linear(20, 10)}))


def normalized_convolution() -> nn.Module:
    layers = {"conv1": nn.Conv2d(1, 4, 5), "norm": nn.BatchNorm2d(4), "relu": nn.ReLU(), "pool": nn.MaxPool2d(4)}
    return nn.Sequential(OrderedDict({**layers, "flat": nn.Flatten(), "fc1": nn.Linear(144, 10)}))


def custom(name: str) -> tuple[str, str]:
    """Return the overrides that select a network of this file."""
    return "model=custom", f"model.target={__name__}.{name}"


@pytest.mark.parametrize("network", ["normalized_linear", "normalized_convolution"])
def test_a_run_whose_channels_cannot_be_removed_after_training_is_saved(
    network: str, short: Compose, tmp_path: Path
) -> None:
    overrides = (*custom(network), "prune.structure=channel", "prune.amount=0.5", "finetune.epochs=0")
    result = experiment.run(short(*overrides), tmp_path / "run")
    saved = json.loads((tmp_path / "run" / "result.json").read_text())
    assert (saved["status"], saved["compact"]) == ("completed", None)
    assert "outputs differ" in saved["compact_error"]
    assert saved["digest"] == result.digest
    assert files(tmp_path / "run") == set(OUTPUTS[:3])
    weights = load_file(tmp_path / "run" / "model.safetensors")
    assert sum(int((weight == 0).sum()) for weight in weights.values()) >= result.params_pruned > 0


def test_a_run_whose_channels_can_be_removed_has_measurements_and_no_error(short: Compose, tmp_path: Path) -> None:
    result = experiment.run(short(*UNTRAINED, "prune.structure=channel", "prune.amount=0.5"), tmp_path)
    assert result.compact
    assert result.compact["params"] < result.params_total
    assert result.compact_error is None


class FromFile(nn.Module):
    """A network that reads its weights from a file."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.fc = nn.Linear(784, 10)
        self.load_state_dict(load_file(path))

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(images.flatten(1))


def test_a_network_that_reads_its_weights_from_a_file_has_another_digest_when_the_file_changes(
    short: Compose, tmp_path: Path
) -> None:
    file = tmp_path / "weights.safetensors"
    overrides = (*custom("FromFile"), f"model.kwargs.path={file}", "train.epochs=0", "finetune.epochs=0")
    results, written = [], []
    for scale in (1.0, 2.0, 1.0):
        save_file({"fc.weight": scale * torch.eye(10, 784), "fc.bias": torch.zeros(10)}, file)
        results.append(experiment.run(short(*overrides, "prune.amount=0"), tmp_path / "run"))
        written.append(float(load_file(tmp_path / "run" / "model.safetensors")["fc.weight"].max()))
    assert written == [1, 2, 1]
    first, second, third = results
    assert (first.digest, first.dense_digest) == (third.digest, third.dense_digest)
    assert first.digest != second.digest
    assert first.dense_digest != second.dense_digest
    assert [result.steps_cached for result in results] == [0, 0, 2]


class Unrepeatable(nn.Module):
    """A network with an initialization that does not follow torch's seed."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(784, 10)
        nn.init.constant_(self.fc.bias, random.random())

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(images.flatten(1))


def test_a_network_whose_initial_weights_cannot_be_repeated_is_refused(short: Compose, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="model=custom: two builds with the same seed gave different weights"):
        experiment.run(short(*custom("Unrepeatable")), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert list((tmp_path / "store").glob("??/*.json")) == []


def test_the_store_lists_the_steps_of_a_run_by_kind_and_summary(short: Compose, tmp_path: Path) -> None:
    result = experiment.run(short(*UNTRAINED, "prune.amount=0.5"), tmp_path / "run")
    store = Store(tmp_path / "store")
    entries = [store.entry(digest) for digest in (result.dense_digest, result.digest)]
    assert [(entry.kind, entry.summary) for entry in entries if entry] == [
        ("init", "lenet_300_100, seed 0"),
        ("prune", "0.5 by l1, global"),
    ]
