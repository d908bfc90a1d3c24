"""The user's own data and weights through the commands: run, sweep, search, report, reproduce, export, evaluate."""

import json
from pathlib import Path

import own_data
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from support import TINY, Command, Completed, results, trials
from torch import nn
from torch.nn.functional import cross_entropy

from prunesweep.cli import main
from prunesweep.data.datasets import load
from prunesweep.data.readers import read
from prunesweep.data.settings import FolderDataset, NamedDataset
from prunesweep.experiment.saved import completed_run, load_config
from prunesweep.models.settings import LeNet5Caffe
from prunesweep.results.result import RESULT, WEIGHTS


def overrides(kind: str, root: Path) -> list[str]:
    """Write data of a kind, and return the overrides that select it."""
    if kind == "custom":
        return ["dataset=custom", "dataset.target=own_data.load"]
    if kind == "folder":
        own_data.write_folder(root / "shapes")
        return ["dataset=folder", f"dataset.root={root / 'shapes'}"]
    own_data.write_arrays(root / "shapes.npz")
    return ["dataset=arrays", f"dataset.root={root / 'shapes.npz'}"]


@pytest.mark.parametrize("kind", ["folder", "arrays", "custom"])
def test_a_run_is_reproduced_exported_and_evaluated(
    kind: str, completed: Completed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = overrides(kind, tmp_path)
    run = completed(*given, fresh=True)
    result = json.loads((run / RESULT).read_text())
    assert result["examples"] == {"train": 108, "validation": 12, "test": 45}
    assert result["classes"] == (list(own_data.CLASSES) if kind == "folder" else ["0", "1", "2"])
    assert sum(map(sum, result["confusion"])) == 45
    assert result["final"]["test_accuracy"] == pytest.approx(sum(result["class_accuracy"]) / 3)

    options = ["--trust"] if kind == "custom" else ["--root", given[1].partition("=")[2]]
    assert main(["reproduce", str(run), *options, "--out", str(tmp_path / "again")]) == 0
    assert "identical\n" in capsys.readouterr().out
    file = tmp_path / "network.csr.safetensors"
    assert main(["export", str(run), "--format", "csr", "--out", str(file), *options]) == 0
    assert main(["evaluate", str(file), *options]) == 0
    correct = round(45 * result["final"]["test_accuracy"])
    assert f"{correct} of 45 images of the test split" in capsys.readouterr().out

    for command in (["reproduce", str(run)], ["export", str(run), "--format", "csr"], ["evaluate", str(file)]):
        assert main(command) == 1, "neither code nor paths of a saved run are used without permission"
        assert ("--trust" if kind == "custom" else "--root") in capsys.readouterr().err


def test_a_sweep_and_a_search(run_py: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = overrides("folder", tmp_path)
    short = ("model=lenet_300_100", "train.epochs=0", "finetune.epochs=0", "threads=1")
    done = run_py("-m", *short, *given, "prune.amount=0.5,0.9", "hydra.sweep.dir=sweep")
    assert done.code == 0, done.err
    assert "2 of 2 runs completed" in done.out
    assert "shapes (folder " in (tmp_path / "sweep" / "report.html").read_text()
    search = [text for text in TINY if not text.startswith("dataset")] + ["hydra.sweeper.n_trials=2", "study=own"]
    space = ["prune.amount=choice(0.5,0.9)", "finetune.epochs=choice(0)", "layers=choice(all)"]
    done = run_py(*search, *given, *space, "hydra.sweep.dir=search")
    assert done.code == 0, done.err
    assert [trial["status"] for trial in trials(tmp_path / "search")] == ["completed"] * 2
    assert results(tmp_path / "search")["pareto"]
    (tmp_path / "shapes" / "train" / "circle" / "000.png").unlink()
    done = run_py(*search, *given, *space, "hydra.sweep.dir=search", "hydra.sweeper.n_trials=3")
    assert done.code != 0
    assert "dataset.content: " in done.err, "other data is another search"


def test_a_published_data_set_in_folders_gives_the_same_bits(completed: Completed, tmp_path: Path) -> None:
    published = NamedDataset()
    for split, part in read(published).named().items():
        for index, (image, label) in enumerate(zip(part.images[..., 0], part.labels, strict=True)):
            path = tmp_path / "digits" / split / str(label) / f"{index:05}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path, compress_level=0)
    settings = {"mean": published.mean, "std": published.std, "validation": 500}
    own = FolderDataset(root=str(tmp_path / "digits"), **settings)  # type: ignore[arg-type]
    first, second = load(published, "cpu"), load(own, "cpu")
    for split in ("train", "validation", "test"):
        assert torch.equal(getattr(first, split).images, getattr(second, split).images)
        assert torch.equal(getattr(first, split).labels, getattr(second, split).labels)
    texts = [f"dataset.{key}={value}" for key, value in settings.items()]
    one = completed(name="one")
    other = completed("dataset=folder", f"dataset.root={tmp_path / 'digits'}", *texts, name="other", fresh=True)
    weights = [load_file(run / WEIGHTS) for run in (one, other)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    scores = [json.loads((run / RESULT).read_text()) for run in (one, other)]
    assert scores[0]["final"] == scores[1]["final"]


class Plain(nn.Module):
    """A LeNet as people write it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 5)
        self.fc = nn.Linear(4 * 12 * 12, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.max_pool2d(torch.relu(self.conv(x)), 2)
        return self.fc(x.view(-1, 4 * 12 * 12))  # type: ignore[no-any-return]


def caffe() -> nn.Module:
    from prunesweep.models.build import build

    return build(LeNet5Caffe(), (1, 28, 28), 10)


PREPARED = {"dataset.scale": "1/256", "dataset.mean": "[0]", "dataset.std": "[1]"}
DEFAULT = {"dataset.scale": "1/255", "dataset.mean": "[0.1307]", "dataset.std": "[0.3081]"}


@pytest.mark.parametrize(
    ("model", "wrap", "prepared"),
    [("plain", lambda n: n, DEFAULT), ("plain", nn.DataParallel, DEFAULT), ("caffe", lambda n: n, PREPARED)],
    ids=["plain", "DataParallel", "Caffe with 1/256"],
)
def test_given_weights(
    model: str, wrap: object, prepared: dict[str, str], completed: Completed, tmp_path: Path
) -> None:
    examples = read(NamedDataset())
    scale, mean, std = (1 / 256, 0.0, 1.0) if prepared is PREPARED else (1 / 255, 0.1307, 0.3081)

    def images(values: object) -> torch.Tensor:
        return (torch.as_tensor(values)[..., 0].unsqueeze(1) * scale - mean) / std

    torch.manual_seed(0)
    network = Plain() if model == "plain" else caffe()
    optimizer = torch.optim.Adam(network.parameters())
    train, labels = images(examples.train.images), torch.as_tensor(examples.train.labels)
    for batch in torch.randperm(len(train))[:1_000].split(50):
        optimizer.zero_grad()
        cross_entropy(network(train[batch]), labels[batch]).backward()
        optimizer.step()
    torch.save({"epoch": 1, "model": wrap(network).state_dict()}, tmp_path / "trained.pt")  # type: ignore[operator]

    option = ["model=custom", f"model.target={__name__}.Plain"] if model == "plain" else ["model=lenet5_caffe"]
    texts = [f"{key}={value}" for key, value in prepared.items()]
    run = completed(*option, f"model.weights={tmp_path / 'trained.pt'}", "train.epochs=null", *texts, fresh=True)
    result = json.loads((run / RESULT).read_text())
    with torch.inference_mode():
        predicted = network.eval()(images(examples.test.images)).argmax(1)
    correct = int((predicted == torch.as_tensor(examples.test.labels)).sum())
    assert correct > 500
    assert round(result["dense"]["test_accuracy"] * 1_000) == correct
    assert [epoch["phase"] for epoch in result["history"]] == ["finetune"]

    trust = ["--trust"] if model == "plain" else []
    file = tmp_path / "pruned.safetensors"
    assert main(["export", str(run), "--format", "safetensors", "--out", str(file), *trust]) == 0
    network.load_state_dict(load_file(file))
    with torch.inference_mode():
        predicted = network.eval()(images(examples.test.images)).argmax(1)
    correct = int((predicted == torch.as_tensor(examples.test.labels)).sum())
    assert correct == round(result["final"]["test_accuracy"] * 1_000)
    assert load_config(completed_run(run), to_run=False, trust=True)[0].train.epochs == 0


def test_weights_that_are_no_better_than_a_guess_are_a_warning(run_py: Command, tmp_path: Path) -> None:
    torch.manual_seed(0)
    torch.save(caffe().state_dict(), tmp_path / "untrained.pt")
    arguments = ("model=lenet5_caffe", "model.weights=untrained.pt", "finetune.epochs=0", "prune=none", "threads=1")
    done = run_py(*arguments, "hydra.run.dir=run")
    assert done.code == 0, done.err
    assert "weights given, pixels scaled by 1/255, mean 0.1307, std 0.3081" in done.out + done.err
    assert "The given weights have a validation accuracy of" in done.out + done.err
