import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support import Completed, change

from prunesweep.cli import main
from prunesweep.errors import UsageError, need_extra
from prunesweep.experiment import saved
from prunesweep.export import deliver
from prunesweep.export.deliver import evaluate, export
from prunesweep.export.formats import FORMATS

UNTRAINED = ("train.epochs=0", "finetune.epochs=0", "prune.amount=0.9")


def installed(form: str) -> bool:
    try:
        if form == "onnx":
            need_extra("", "onnx", "onnx", "onnxscript", "onnxruntime")
        if form == "compact":
            need_extra("", "", "prunesweep.pruning.compact")
    except UsageError:
        return False
    return True


@pytest.mark.parametrize("model", ["lenet5", "lenet5_caffe", "lenet_300_100", "conv_lenet"])
def test_every_format_of_every_network(model: str, completed: Completed) -> None:
    run = saved.read(completed(*UNTRAINED, f"model={model}"))
    correct = round(run.result["final"]["test_accuracy"] * 1_000)
    for form in filter(installed, FORMATS):
        done = export(run, form, None)
        assert done.path == run.folder / "export" / f"model{FORMATS[form].suffix}"
        assert (done.score.correct, done.score.total) == (correct, 1_000)
        assert done.apart <= 1e-4
        if model == "lenet_300_100":
            assert evaluate(done.path, None, None, "test", trust=True) == done.score
        if form == "csr":
            assert done.size[0] < 0.2 * done.dense[0]
    assert len(list((run.folder / "export").iterdir())) == len(list(filter(installed, FORMATS)))


def test_on_the_command_line(completed: Completed, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run, out = completed(), tmp_path / "new" / "mine"
    assert main(["export", str(run), "--format", "csr", "--out", str(out)]) == 0
    told = capsys.readouterr().out
    accuracy = json.loads((run / "result.json").read_text())["final"]["test_accuracy"]
    assert f"mine: {out.stat().st_size:,} bytes, " in told
    assert f"classifies {round(1_000 * accuracy)} of 1,000 test images correctly" in told
    assert "bit for bit the logits of the run's network" in told
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
            "--format=cssr: must be one of safetensors, torch, onnx, csr, compact.",
        ),
        (
            ["export", "RUN", "--format", "csr", "--out", "RUN/model.safetensors"],
            "is there already and is not an export",
        ),
        (["export", "RUN/.hydra", "--format", "csr"], "is not a run directory"),
        (["evaluate", "RUN/model.safetensors"], "is not an export of prunesweep"),
        (["evaluate", "RUN/nothing"], "there is no such file"),
        (["evaluate", "RUN/x", "--split", "tset"], "--split=tset: must be one of train, validation, test."),
    ],
)
def test_bad_input(
    arguments: list[str], message: str, completed: Completed, capsys: pytest.CaptureFixture[str]
) -> None:
    run = completed(*UNTRAINED)
    before = (run / "model.safetensors").read_bytes()
    assert main([text.replace("RUN", str(run)) for text in arguments]) == 1
    assert message in capsys.readouterr().err
    assert (run / "model.safetensors").read_bytes() == before
    assert not (run / "export").exists()


def test_an_export_that_fails_is_not_left_behind(completed: Completed, monkeypatch: pytest.MonkeyPatch) -> None:
    run = saved.read(completed(*UNTRAINED))
    wrong = replace(FORMATS["csr"], load=lambda *_: lambda images: torch.zeros(len(images), 10))
    monkeypatch.setitem(FORMATS, "csr", wrong)
    with pytest.raises(UsageError, match="--format csr: what was read back is not the run's network"):
        export(run, "csr", None)
    assert list((run.folder / "export").iterdir()) == []


def test_a_result_that_the_weights_do_not_bear_out(completed: Completed) -> None:
    folder = completed(*UNTRAINED)
    change(folder / "result.json", final={"val_accuracy": 0.99, "test_accuracy": 0.99})
    with pytest.raises(UsageError, match="but result.json says 0.9900. Nothing was exported"):
        export(saved.read(folder), "csr", None)
    change(folder / "result.json", final=7)
    with pytest.raises(UsageError, match="unreadable: result.json"):
        export(saved.read(folder), "csr", None)
    assert not (folder / "export").exists()


def test_weights_of_another_network(completed: Completed) -> None:
    folder, other = completed(*UNTRAINED), completed(*UNTRAINED, "model=lenet5", name="other")
    (folder / "model.safetensors").write_bytes((other / "model.safetensors").read_bytes())
    with pytest.raises(UsageError, match="run: its weights are not those of its config"):
        export(saved.read(folder), "csr", None)


def test_a_network_that_a_format_cannot_tell(
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
        saved.read(folder)
    run = saved.read(folder, trust=True)
    with pytest.raises(UsageError, match="--format torch: this network cannot be written so"):
        export(run, "torch", None)
    path = export(run, "csr", None).path
    with pytest.raises(UsageError, match="model.target=odd_net.Net, which would be imported"):
        evaluate(path, None, None, "test", trust=False)
    assert evaluate(path, None, None, "test", trust=True).total == 1_000


def test_an_extra_that_is_not_installed(completed: Completed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"--format onnx needs onnx and .* install prunesweep with its extra \[onnx\]"):
        export(saved.read(completed(*UNTRAINED)), "onnx", None)


def test_the_splits_are_those_of_the_data() -> None:
    from prunesweep.data.datasets import Data

    assert set(deliver.SPLITS) == set(Data.__dataclass_fields__)
