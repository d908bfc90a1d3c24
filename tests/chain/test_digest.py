"""What changes a digest and what does not: the list in the docstring of `prunesweep.chain`, gone through."""

import importlib
import linecache
import sys
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from support import ROOT, Compose

from prunesweep.chain import environment as chain
from prunesweep.chain.context import Context
from prunesweep.chain.environment import digests, environment, extend
from prunesweep.chain.observations import Evaluate
from prunesweep.chain.prune_steps import Prune
from prunesweep.chain.steps import Init, Step, TrainEpoch
from prunesweep.config import RunConfig, build
from prunesweep.data import sources
from prunesweep.data.datasets import fingerprint
from prunesweep.data.settings import Dataset
from prunesweep.data.sources import DataFile, Source
from prunesweep.experiment.run import step_factory
from prunesweep.models.settings import LeNet5

BASE = ("train.epochs=3", "finetune.epochs=2", "device=cpu")

CHANGES = [
    "seed=1",
    "threads=1",
    "dataset.name=mnist",
    "dataset.validation=400",
    "dataset.mean=[0.2]",
    "dataset.std=[0.4]",
    "model=lenet_300_100",
    "optimizer=adam",
    "optimizer=adam optimizer.betas=[0.8,0.999]",
    "optimizer.lr=0.1",
    "optimizer.weight_decay=0",
    "optimizer.momentum=0.8",
    "optimizer.nesterov=false",
    "train.epochs=4",
    "train.batch_size=64",
    "train.lr_scale=2",
    "train.decay=constant",
    "train.decay=step train.step_size=2",
    "train.decay=step train.step_size=1 train.gamma=0.5",
    "finetune.epochs=1",
    "finetune.batch_size=64",
    "finetune.lr_scale=0.5",
    "finetune.decay=cosine",
    "finetune.decay=step finetune.step_size=1",
    "finetune.decay=step finetune.step_size=1 finetune.gamma=0.5",
    "prune.amount=0.3",
    "prune.scope=layerwise",
    "prune.criterion=random",
    "prune.criterion=custom prune.target=prunesweep.pruning.criteria.l2",
    "prune.structure=channel",
    "prune.structure=n_of_m prune.n=1 prune.m=2 layers.exclude=[conv1]",
    "prune.compression=3",
    'prune.per_layer={"fc1":0.5}',
    "prune.floor=5",
    "prune.iterations=3",
    "prune.criterion=snip prune.batches=3",
    "prune.criterion=snip prune.batch_size=16",
    "layers.kinds=[conv]",
    "layers.include=[conv1]",
    "layers.exclude=[conv1]",
    "layers.biases=true",
]

UNCHANGED = [
    "logger.name=none",
    "study=mine",
    "search.objectives=[val_accuracy] search.replicates=3 search.storage=sqlite:///x search.heartbeat=9",
    "prune.amount=0.2",
    "prune.n=3 prune.m=5",
    "prune.batches=3 prune.batch_size=16",
    "store.dir=/elsewhere",
    "store.enabled=false",
    "store.max_gb=1",
    "dataset.root=/elsewhere",
    "device=auto",
    "train.step_size=1 train.gamma=0.5",
    "finetune.step_size=1 finetune.gamma=0.5",
    "optimizer.lr=0.06 train.lr_scale=0.5 finetune.lr_scale=0.15",
    "layers.include=[conv*,fc*]",
]


def final(config: RunConfig) -> str:
    """The digest that a run of `config` ends with."""
    context = Context(config.model, config.dataset, "cpu")
    steps = config.schedule.plan(step_factory(config, context)).chain
    return digests({"threads": config.threads}, steps)[-1]


@pytest.fixture(scope="module")
def settings() -> DictConfig:
    with initialize_config_dir(str(ROOT / "conf")):
        return compose("config", list(BASE))


@pytest.fixture(scope="module")
def base(settings: DictConfig) -> str:
    return final(build(settings))


def under(overrides: str, settings: DictConfig, composed: Compose) -> RunConfig:
    """`settings` under `overrides`; without composing them anew, which takes long, where no group is among these."""
    words = overrides.split()
    if all("." in word.partition("=")[0] for word in words):
        return build(OmegaConf.merge(settings, OmegaConf.from_dotlist(words)))  # type: ignore[arg-type]
    return composed(*BASE, *words)


@pytest.mark.parametrize("overrides", CHANGES)
def test_what_changes_the_bits_changes_the_digest(
    overrides: str, base: str, settings: DictConfig, composed: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "dataset.name" in overrides:  # full MNIST is not everywhere
        monkeypatch.setattr("prunesweep.experiment.run.fingerprint", lambda dataset: dataset.name)
    assert final(under(overrides, settings, composed)) != base


@pytest.mark.parametrize("overrides", UNCHANGED)
def test_what_does_not_change_the_bits_does_not_change_the_digest(
    overrides: str, base: str, settings: DictConfig, composed: Compose
) -> None:
    assert final(under(overrides, settings, composed)) == base


def test_every_setting_is_in_one_of_the_two_lists(settings: DictConfig) -> None:
    listed = {word.partition("=")[0] for overrides in (*CHANGES, *UNCHANGED) for word in overrides.split()}
    kinds = {"model.name", "schedule.name", "optimizer.name"}  # whose settings these are
    unlisted = leaves(OmegaConf.to_container(settings)) - listed - kinds
    assert unlisted == set(), "a new setting: does it change the bits?"


def leaves(tree: object, prefix: str = "") -> set[str]:
    """The dotted names of all settings in `tree`."""
    if isinstance(tree, dict) and (tree or not prefix):
        return {leaf for key, inner in tree.items() for leaf in leaves(inner, f"{prefix}.{key}" if prefix else key)}
    return {prefix}


def test_a_networks_own_settings_and_its_source_count(monkeypatch: pytest.MonkeyPatch) -> None:
    from prunesweep.models.settings import ConvLeNet, CustomModel, LeNet5Caffe

    shape = (1, 28, 28)
    described = [
        Init(model, shape, 0).describe()
        for model in (
            LeNet5Caffe(),
            LeNet5Caffe(conv_relu=True),
            ConvLeNet(),
            ConvLeNet(widths=[8, 8, 8, 8]),
            CustomModel(target="torch.nn.Identity"),
            CustomModel(target="torch.nn.Identity", kwargs={"width": 1}),
            CustomModel(target="torch.nn.Flatten"),
        )
    ]
    before = Init(LeNet5(), shape, 0).describe()
    monkeypatch.setattr(LeNet5, "source", lambda _: "class LeNet5: another")
    described += [before, Init(LeNet5(), shape, 0).describe()]
    assert len({extend("", description) for description in described}) == len(described)


def test_the_shape_of_an_image_counts() -> None:
    """The first step of two data sets would be the same one, else."""
    assert Init(LeNet5(), (1, 28, 28), 0).describe() != Init(LeNet5(), (3, 32, 32), 0).describe()


def test_the_source_of_a_users_own_code_counts_and_where_it_lies_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, composed: Compose
) -> None:
    own = "from torch import nn\ndef net():\n    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))\n"
    own += "def score(of):\n    return of.weight.abs()\n"
    found = []
    for name, text in (("one", own), ("two", own), ("other", own.replace("abs()", "abs() + 1"))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "own_code.py").write_text(text)
        with monkeypatch.context() as patch:
            patch.syspath_prepend(str(tmp_path / name))
            importlib.invalidate_caches()
            linecache.clearcache()
            model = final(composed(*BASE, "model=custom", "model.target=own_code.net"))
            criterion = final(composed(*BASE, "prune=custom", "prune.target=own_code.score"))
            found.append((model, criterion))
            del sys.modules["own_code"]
    one, two, other = found
    assert one == two
    assert one[0] != other[0]
    assert one[1] != other[1]


def test_the_bytes_of_the_data_count_and_their_folder_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kmnist = Source((DataFile("images"), DataFile("labels")), torchvision="KMNIST")
    monkeypatch.setitem(sources.SOURCES, "kmnist", kmnist)
    found = []
    for name, labels in (("one", b"labels"), ("two", b"labels"), ("flipped", b"labelr")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "images").write_bytes(b"images")
        (tmp_path / name / "labels").write_bytes(labels)
        found.append(fingerprint(Dataset("kmnist", root=str(tmp_path / name))))
    assert found[0] == found[1] != found[2]


def test_the_environment_counts_and_the_index_of_a_device_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    cards = {"cuda:0": "NVIDIA H100", "cuda:1": "NVIDIA H100", "cuda:2": "NVIDIA A100"}
    monkeypatch.setattr(torch.cuda, "get_device_name", cards.__getitem__)
    assert environment("cuda:0", 2) == environment("cuda:1", 2)
    different = [environment(*where) for where in (("cpu", 2), ("cpu", 1), ("cuda:0", 2), ("cuda:2", 2))]
    monkeypatch.setattr(chain, "_processor", lambda: "another processor")
    different.append(environment("cpu", 2))
    monkeypatch.setattr(chain, "FORMAT", 0)
    different.append(environment("cpu", 2))
    monkeypatch.setattr(torch, "__version__", "3.0")
    different.append(environment("cpu", 2))
    assert len({extend("", one) for one in different}) == len(different)


@pytest.mark.parametrize("step", [Init, TrainEpoch, Prune])
def test_the_version_of_a_steps_code_counts(
    step: type[Step], base: str, settings: DictConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "version", step.version + 1)
    assert final(build(settings)) != base


def test_scores_know_their_data_and_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Evaluate("data").describe()
    assert before != Evaluate("other data").describe()
    monkeypatch.setattr(Evaluate, "version", 0)
    assert before != Evaluate("data").describe()


def test_the_digest_of_the_default_run_is_pinned(composed: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    """A default, an encoding or a field that changed: if the bits change too, this digest has to, and if not, not."""
    monkeypatch.setattr(LeNet5, "source", lambda _: "the source")
    assert final(composed()) == "01495ac0c3a3faa74eb28a3198ed2c3f96dd5d313080044cd96dee1129ec6089"
