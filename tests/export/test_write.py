import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from support import Completed, change

import prunesweep
from prunesweep.chain.context import Context
from prunesweep.cli import main
from prunesweep.data.settings import NamedDataset
from prunesweep.errors import UsageError
from prunesweep.experiment.saved import completed_run, load_config, load_scales
from prunesweep.export.evaluate import evaluate
from prunesweep.export.formats import FORMATS
from prunesweep.export.write import ExportedFile, export, file_size
from prunesweep.models.settings import LeNet300100
from prunesweep.quantization.integer import IntegerNetwork
from prunesweep.training.loop import evaluate as evaluate_split

UNTRAINED = ("train.epochs=0", "finetune.epochs=0", "prune.amount=0.9")


def export_run(folder: Path, form: str, *, trust: bool = False) -> ExportedFile:
    run = completed_run(folder)
    config, _ = load_config(run, trust=trust)
    return export(run, config, form, None)


NEEDS = {"onnx": ("onnx", "onnxscript", "onnxruntime"), "packed": ("constriction",)}
INSTALLED = [
    form
    for form, each in FORMATS.items()
    if all(importlib.util.find_spec(module) for module in NEEDS.get(form, ())) and each.obstacle() is None
]


@pytest.mark.parametrize("model", ["lenet5", "lenet_300_100", "conv_lenet model.widths=[4,4,8,8]"])
def test_every_format_of_every_network(model: str, completed: Completed) -> None:
    folder = completed(*UNTRAINED, "prune.amount=0.98", *f"model={model}".split())  # few weights: packing is slow
    accuracy = json.loads((folder / "result.json").read_text())["final"]["test_accuracy"]
    for form in INSTALLED:
        exported = export_run(folder, form)
        assert exported.path == folder / "export" / f"model{FORMATS[form].suffix}"
        assert (exported.accuracy.correct, exported.accuracy.total) == (round(1_000 * accuracy), 1_000)
        assert exported.largest_difference <= (0 if FORMATS[form].exact else 1e-4)
        assert exported.size == file_size(exported.path.read_bytes())
        assert exported.dense_size == file_size((folder / "model.safetensors").read_bytes())
        if model == "lenet_300_100":
            assert evaluate(exported.path, None, None, "test", trust=True) == (exported.accuracy, [])
        if form == "csr":
            assert exported.size.plain < 0.06 * exported.dense_size.plain
    companions = [form for form in INSTALLED if FORMATS[form].companion is not None]
    assert len(list((folder / "export").iterdir())) == len(INSTALLED) + len(companions)


@pytest.mark.parametrize(
    ("model", "amount"),
    [
        ("lenet5", 0.9),
        ("lenet5", 0.98),  # a whole layer is removed
        ("lenet5_caffe", 0.95),
        ("lenet_300_100", 0.97),
        ("conv_lenet model.widths=[4,4,8,8]", 0.8),
    ],
)
def test_after_a_clean_up_the_count_is_what_exports_contain(
    model: str, amount: float, completed: Completed, tmp_path: Path
) -> None:
    """Count the values in the files without the package."""
    sparse = ("layers.biases=true", "prune.scope=layerwise", f"prune.amount={amount}")
    common = ("train.epochs=0", "finetune.epochs=0", *sparse, *f"model={model}".split())
    plain = completed(*common).rename(tmp_path / "plain")
    clean = completed(*common, "prune.cleanup=final")
    before, after = (json.loads((folder / "result.json").read_text()) for folder in (plain, clean))
    assert after["params_nonzero"] < before["params_nonzero"]
    assert after["final"]["test_loss"] == pytest.approx(before["final"]["test_loss"], abs=1e-6)
    csr = safetensors.numpy.load(export_run(clean, "csr").path.read_bytes())
    stored = [tensor for name, tensor in csr.items() if not name.endswith(("/counts", "/gaps"))]
    assert sum(np.count_nonzero(tensor) for tensor in stored) == after["params_nonzero"]
    compact = safetensors.numpy.load(export_run(clean, "compact").path.read_bytes())
    assert sum(np.count_nonzero(tensor) for tensor in compact.values()) == after["params_nonzero"]
    kept = prunesweep.masks(clean)
    assert sum(int(mask.sum()) for mask in kept.values()) == after["params_nonzero"]
    assert after["params_effective"] <= after["params_nonzero"]
    assert after["param_reduction"] == 1 - after["params_nonzero"] / after["params_total"]


def test_export_and_evaluate_on_the_command_line(
    completed: Completed, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run, out = completed(), tmp_path / "new" / "mine"
    assert main(["export", str(run), "--format", "csr", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    accuracy = json.loads((run / "result.json").read_text())["final"]["test_accuracy"]
    assert f"mine: {out.stat().st_size:,} bytes, " in printed
    assert f"classifies {round(1_000 * accuracy)} of 1,000 test images correctly" in printed
    assert printed.endswith("with identical logits\n")
    assert main(["evaluate", str(out)]) == 0
    assert (
        capsys.readouterr().out == f"{100 * accuracy:.2f} %: {1_000 * accuracy:.0f} of 1,000 images of the test split\n"
    )
    assert main(["evaluate", str(out), "--split", "validation", "--dataset", "mnist5k"]) == 0
    assert " of 500 images of the validation split" in capsys.readouterr().out
    assert main(["export", str(run), "--format", "csr", "--out", str(out)]) == 0, "an export may be replaced"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["export", "RUN", "--format", "cssr"],
            "--format=cssr: must be one of safetensors, torch, onnx, csr, compact, packed, c.",
        ),
        (
            ["export", "RUN", "--format", "csr", "--out", "RUN/model.safetensors"],
            "exists already and is not an export",
        ),
        (["export", "RUN/.hydra", "--format", "csr"], "is not a run directory"),
        (["evaluate", "RUN/model.safetensors"], "is not an export of prunesweep"),
        (["evaluate", "RUN/nothing"], "nothing: does not exist."),
        (["evaluate", "RUN/x", "--split", "tset"], "--split=tset: must be one of train, validation, test."),
    ],
)
def test_bad_input_changes_nothing(
    arguments: list[str], message: str, completed: Completed, capsys: pytest.CaptureFixture[str]
) -> None:
    run = completed(*UNTRAINED)
    before = (run / "model.safetensors").read_bytes()
    assert main([text.replace("RUN", str(run)) for text in arguments]) == 1
    assert message in capsys.readouterr().err
    assert (run / "model.safetensors").read_bytes() == before
    assert not (run / "export").exists()


def test_a_file_that_fails_the_verification_is_not_written(
    completed: Completed, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = completed(*UNTRAINED)
    wrong = replace(FORMATS["csr"], load=lambda *_: lambda images: torch.zeros(len(images), 10))
    monkeypatch.setitem(FORMATS, "csr", wrong)
    with pytest.raises(UsageError, match="--format=csr: the network in the file is not the run's network"):
        export_run(folder, "csr")
    assert not (folder / "export").exists()


def test_weights_that_do_not_have_the_recorded_accuracy_are_refused(completed: Completed) -> None:
    folder = completed(*UNTRAINED)
    change(folder / "result.json", final={"val_accuracy": 0.99, "test_accuracy": 0.99})
    with pytest.raises(UsageError, match="but result.json records 0.9900. Nothing was exported"):
        export_run(folder, "csr")
    change(folder / "result.json", final=7)
    with pytest.raises(UsageError, match="unreadable: result.json"):
        export_run(folder, "csr")
    assert not (folder / "export").exists()


def test_weights_of_another_network_are_refused(completed: Completed) -> None:
    folder, other = completed(*UNTRAINED), completed(*UNTRAINED, "model=lenet5", name="other")
    (folder / "model.safetensors").write_bytes((other / "model.safetensors").read_bytes())
    with pytest.raises(UsageError, match="model.safetensors: does not have the hash of the weights in provenance.json"):
        export_run(folder, "csr")
    (folder / "provenance.json").write_bytes((other / "provenance.json").read_bytes())
    change(folder / "result.json", digest=json.loads((other / "result.json").read_text())["digest"])
    with pytest.raises(UsageError, match="run: its weights do not fit the network of its config"):
        export_run(folder, "csr")


def test_a_network_that_the_format_does_not_support(
    completed: Completed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "odd_net.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.fc = nn.Linear(784, 10)\n"
        "    def forward(self, x):\n        y = self.fc(x.flatten(1))\n"
        "        return y if float(y.detach().sum()) > -1e9 else -y\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    folder = completed(*UNTRAINED, "model=custom", "model.target=odd_net.Net")
    with pytest.raises(UsageError, match="model.target=odd_net.Net, which would be imported"):
        export_run(folder, "csr")
    with pytest.raises(UsageError, match="--format=torch: this network cannot be written in this format"):
        export_run(folder, "torch", trust=True)
    path = export_run(folder, "csr", trust=True).path
    with pytest.raises(UsageError, match="model.target=odd_net.Net, which would be imported"):
        evaluate(path, None, None, "test", trust=False)
    assert evaluate(path, None, None, "test", trust=True)[0].total == 1_000


def test_a_missing_extra_is_reported(completed: Completed, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = completed(*UNTRAINED)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"--format=onnx needs onnx and .* install prunesweep with its extra \[onnx\]"):
        export_run(folder, "onnx")
    assert not (folder / "export").exists()


def test_a_quantized_run_end_to_end(completed: Completed, tmp_path: Path) -> None:
    common = ("model=lenet_300_100", *UNTRAINED)
    plain, integer, shared = (
        completed(*common, *more).rename(tmp_path / f"run-{len(more)}")
        for more in ((), ("quantize=int8",), ("quantize=codebook", "quantize.bits=4", "quantize.epochs=0"))
    )
    results = [json.loads((folder / "result.json").read_text()) for folder in (plain, integer, shared)]
    assert [(result["quantize"], result["bits"]) for result in results] == [
        ("none", None),
        ("int8", 8),
        ("codebook", 4),
    ]
    assert [result["unquantized"] for result in results] == [None, results[0]["final"], results[0]["final"]]
    run = completed_run(integer)
    scales = load_scales(run)
    assert scales is not None
    model = prunesweep.network(integer)
    split = Context(LeNet300100(), NamedDataset(), "cpu").data.test
    assert evaluate_split(IntegerNetwork(model, scales), split).accuracy == results[1]["final"]["test_accuracy"]
    assert load_scales(completed_run(shared)) is None
    with pytest.raises(UsageError, match="--format=csr: the run has quantize=int8.*Use --format c, or"):
        export_run(integer, "csr")
    if "packed" in INSTALLED:
        exported = export_run(shared, "packed")
        assert exported.largest_difference == 0
        assert exported.size.plain < export_run(shared, "csr").size.plain / 3
