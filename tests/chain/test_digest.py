"""Which settings change a digest, and which do not. Each setting is checked against its role."""

import importlib
import linecache
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from support import ROOT, Compose

from prunesweep.chain import environment as environment_module
from prunesweep.chain.context import Context
from prunesweep.chain.environment import digests, environment, extend
from prunesweep.chain.observations import Count, Evaluate
from prunesweep.chain.prune_steps import Prune, RampEpoch
from prunesweep.chain.quantize_steps import ToCodebook, ToInt8
from prunesweep.chain.regrow_steps import RegrowEpoch, SurgeryEpoch
from prunesweep.chain.schedules.plan import plan
from prunesweep.chain.state import tensor_hash
from prunesweep.chain.steps import Described, Init, Reinitialize, Rewind
from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.code.hashing import code_hash
from prunesweep.config import RunConfig, build
from prunesweep.data import sources
from prunesweep.data.datasets import fingerprint
from prunesweep.data.settings import NamedDataset
from prunesweep.data.sources import DataFile
from prunesweep.experiment.planning import initial_step, prepare
from prunesweep.models.build import build as build_network
from prunesweep.models.settings import ConvLeNet, CustomModel, LeNet5, LeNet5Caffe, Model
from prunesweep.models.tensors import own_tensors
from prunesweep.roles import Role, role_of

BASE = ("train.epochs=3", "finetune.epochs=2", "device=cpu")

CHANGES = [
    "seed=1",
    "threads=2",
    "portable=true",
    "model.init=he_normal",
    "dataset.name=mnist",
    "dataset.validation=400",
    "dataset.mean=[0.2]",
    "dataset.scale=1/256",
    "augment.shift=1",
    "augment.flip=true",
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
    "train.warmup=1",
    "train.lr_scale=2",
    "train.decay=constant",
    "train.decay=step train.step_size=2",
    "train.decay=step train.step_size=1 train.gamma=0.5",
    "finetune.epochs=1",
    "finetune.warmup=1",
    "finetune.distill=0.5",
    "finetune.distill=0.5 finetune.temperature=3",
    "finetune.average=2",
    "finetune.best=true",
    "finetune.weight_decay=0",
    "finetune.batch_size=64",
    "finetune.lr_scale=0.5",
    "finetune.decay=cosine",
    "finetune.decay=step finetune.step_size=1",
    "finetune.decay=step finetune.step_size=1 finetune.gamma=0.5",
    "quantize=int8",
    "quantize=int8 quantize.images=10",
    "quantize=codebook",
    "quantize=codebook quantize.bits=3",
    "quantize=codebook quantize.scope=shared",
    "quantize=codebook quantize.biases=false",
    "quantize=codebook quantize.epochs=0",
    "prune.amount=0.3",
    "prune.scope=layerwise",
    "prune.compact=true",
    "prune.criterion=random",
    "prune.criterion=custom prune.target=prunesweep.pruning.criteria.l2",
    "prune.structure=channel",
    "prune.structure=n_of_m prune.n=1 prune.m=2 layers.exclude=[conv1]",
    "prune.compression=3",
    'prune.per_layer={"fc1":0.5}',
    'prune.scope=layerwise prune.offsets={"fc1":0.5}',
    "prune.floor=5",
    "prune.cleanup=final",
    "prune.cleanup=rounds",
    "prune.protect=paths",
    "prune.iterations=3",
    "prune.criterion=snip prune.batches=3",
    "prune.at=init",
    "prune.criterion=movement",
    "prune.scope=output",
    "prune.criterion=snip prune.batch_size=16",
    "schedule=penalty prune.penalty=hoyer",
    "layers.kinds=[conv]",
    "layers.include=[conv1]",
    "layers.exclude=[conv1]",
    "layers.biases=true",
]

UNCHANGED = [
    "logger.name=none",
    "study=mine",
    "measure=[file_bytes]",
    "dry_run=true",
    "workers=3",
    "search.objectives=[val_accuracy] search.replicates=3 search.storage=sqlite:///x search.heartbeat=9",
    "prune.amount=0.2",
    "prune.n=3 prune.m=5",
    "prune.protect=none",
    "prune.batches=3 prune.batch_size=16",
    "finetune.temperature=3",
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
    """Return the digest after the last step of a run of `config`."""
    context = Context(config.model, config.dataset, "cpu")
    steps = plan(config.schedule, prepare(config, context)).chain
    return digests({"threads": config.threads, "portable": config.portable}, steps)[-1]


@pytest.fixture(scope="module")
def settings() -> DictConfig:
    with initialize_config_dir(str(ROOT / "conf")):
        return compose("config", list(BASE))


@pytest.fixture(scope="module")
def base(settings: DictConfig) -> str:
    return final(build(settings))


def under(overrides: str, settings: DictConfig, composed: Compose) -> RunConfig:
    """Return `settings` with `overrides`. Without a group among them, the slow composition is not repeated."""
    words = overrides.split()
    if all("." in word.partition("=")[0] for word in words):
        return build(OmegaConf.merge(settings, OmegaConf.from_dotlist(words)))  # type: ignore[arg-type]
    return composed(*BASE, *words)


@pytest.mark.parametrize("overrides", CHANGES)
def test_what_changes_the_bits_changes_the_digest(
    overrides: str, base: str, settings: DictConfig, composed: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "dataset.name" in overrides:  # full MNIST is not everywhere
        monkeypatch.setattr("prunesweep.experiment.planning.fingerprint", lambda dataset: dataset.name)
    assert final(under(overrides, settings, composed)) != base


@pytest.mark.parametrize("overrides", UNCHANGED)
def test_what_does_not_change_the_bits_does_not_change_the_digest(
    overrides: str, base: str, settings: DictConfig, composed: Compose
) -> None:
    assert final(under(overrides, settings, composed)) == base


def keys(tree: object, prefix: str = "") -> set[str]:
    """Return the dotted names of all settings in `tree`. A list is one setting."""
    if isinstance(tree, dict) and (tree or not prefix):
        return {name for key, value in tree.items() for name in keys(value, f"{prefix}.{key}" if prefix else str(key))}
    return {prefix}


def listed(overrides: list[str]) -> set[str]:
    return {word.partition("=")[0] for each in overrides for word in each.split()}


def test_every_setting_is_in_a_list_and_its_role_agrees(settings: DictConfig) -> None:
    known = keys(OmegaConf.to_container(settings))
    # The settings of these are in the lists. Given weights have a test of their own.
    kinds = {"model.name", "schedule.name", "optimizer.name", "quantize.name", "model.weights"}
    assert known - kinds - listed(CHANGES) - listed(UNCHANGED) == set(), "a new setting: does it change the bits?"
    changes_bits = {Role.EXPERIMENT, Role.REPETITION, Role.NUMERICS}
    for name in known - kinds - {"device"}:  # this machine has a single device
        assert (name in listed(CHANGES)) == (role_of(RunConfig, name) in changes_bits), name


def test_given_weights_count_and_their_file_does_not(settings: DictConfig, base: str, tmp_path: Path) -> None:
    def digest_of(name: str, seed: int) -> str:
        torch.manual_seed(seed)
        torch.save(build_network(LeNet5(), (1, 28, 28), 10).state_dict(), tmp_path / name)
        overrides = {"model": {"weights": str(tmp_path / name)}, "train": {"epochs": 3}}
        return final(build(OmegaConf.merge(settings, overrides)))  # type: ignore[arg-type]

    first = digest_of("a.pt", 1)
    assert first != base
    assert first == digest_of("b.pth", 1)
    assert first != digest_of("a.pt", 2), "the same file with other content"


def test_settings_of_a_network_and_the_shape_of_images_count(composed: Compose) -> None:
    def described(model: Model, dataset: NamedDataset) -> str:
        context = Context(model, dataset, "cpu")
        step = initial_step(
            RunConfig(model=model, dataset=dataset), tensor_hash(own_tensors(context.initial(0))), context.shape
        )
        return extend("", step.describe())

    color = NamedDataset("cifar10", mean=[0.5] * 3, std=[0.5] * 3)
    models = [LeNet5(), LeNet5Caffe(), LeNet5Caffe(conv_relu=True), ConvLeNet(), ConvLeNet(widths=[8, 8, 8, 8])]
    models += [CustomModel(target="torch.nn.Flatten"), CustomModel(target="torch.nn.Flatten", kwargs={"end_dim": 2})]
    found = [described(model, NamedDataset()) for model in models] + [described(LeNet5(), color)]
    assert len(set(found)) == len(found)


def digest_with_code(change: tuple[str, str, str], base: Path, config: RunConfig, patch: pytest.MonkeyPatch) -> str:
    """Return the final digest if `change` (file, old text, new text) is made in a copy of the source code."""
    file, old, new = change
    root = base / str(abs(hash(change)))
    shutil.copytree(ROOT / "src" / "prunesweep", root / "prunesweep")
    path = root / "prunesweep" / file
    assert old in path.read_text(), "the test does not fit the code any more"
    path.write_text(path.read_text().replace(old, new))
    with patch.context() as context:
        context.setattr("prunesweep.chain.steps.code_hash", lambda module: code_hash(module, root))
        return final(config)


@pytest.mark.parametrize(
    "change",
    [
        ("training/loop.py", "total", "summed"),  # a local variable, and a word in docstrings
        ("training/loop.py", '"""Return the score of `model` on every', '"""Evaluate `model` on all examples'),
        ("training/optimizers.py", "first, second", "one, two"),
        ("models/lenets.py", '"""Build LeNet-5."""', '"""Build the classic LeNet-5."""  # with ReLU'),
        ("models/lenets.py", "channels", "depth"),
        ("report/console/terminal.py", "def ", "def x_"),  # does not compute any step
    ],
)
def test_prose_and_local_names_do_not_change_a_digest(
    change: tuple[str, str, str], base: str, settings: DictConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert digest_with_code(change, tmp_path, build(settings), monkeypatch) == base


@pytest.mark.parametrize(
    "change",
    [
        ("training/loop.py", "EVALUATION_BATCH = 250", "EVALUATION_BATCH = 251"),
        ("training/loop.py", "parameter.grad.mul_(mask)", "parameter.grad.mul_(mask).mul_(0.5)"),
        ("models/lenets.py", "conv2=nn.Conv2d(6, 16, 5)", "conv2=nn.Conv2d(6, 16, 3)"),
        ("models/lenets.py", "(size + 2 * padding - 4)", "(size + 3 * padding - 4)"),
        ("data/splits.py", "SPLIT_SEED = 0", "SPLIT_SEED = 1"),
        ("pruning/masks.py", "largest=False", "largest=True"),
    ],
)
def test_a_change_of_what_is_computed_changes_a_digest(
    change: tuple[str, str, str], base: str, settings: DictConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert digest_with_code(change, tmp_path, build(settings), monkeypatch) != base


KINDS = [Init, TrainEpoch, Rewind, Reinitialize, Prune, RampEpoch, RegrowEpoch, SurgeryEpoch, Evaluate, Count]
KINDS += [ToCodebook, ToInt8]


@pytest.mark.parametrize("kind", KINDS)
def test_every_step_and_observation_hashes_its_own_code(kind: type[Described]) -> None:
    assert code_hash(kind.__module__)
    assert kind.describe.__qualname__.endswith("describe")


def test_the_code_of_a_users_own_network_or_criterion_counts_and_its_folder_does_not(
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
    kmnist = replace(sources.SOURCES["kmnist"], files=(DataFile("images"), DataFile("labels")))
    monkeypatch.setitem(sources.SOURCES, "kmnist", kmnist)
    found = []
    for name, labels in (("one", b"labels"), ("two", b"labels"), ("flipped", b"labelr")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "images").write_bytes(b"images")
        (tmp_path / name / "labels").write_bytes(labels)
        found.append(fingerprint(NamedDataset("kmnist", root=str(tmp_path / name))))
    assert found[0] == found[1] != found[2]


def test_the_environment_counts_and_the_index_of_a_device_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    cards = {"cuda:0": "NVIDIA H100", "cuda:1": "NVIDIA H100", "cuda:2": "NVIDIA A100"}
    monkeypatch.setattr(torch.cuda, "get_device_name", cards.__getitem__)
    assert environment("cuda:0", 2) == environment("cuda:1", 2)
    different = [environment(*where) for where in (("cpu", 2), ("cpu", 1), ("cuda:0", 2), ("cuda:2", 2))]
    monkeypatch.setattr(environment_module, "_processor", lambda: "another processor")
    different.append(environment("cpu", 2))
    monkeypatch.setattr(environment_module, "FORMAT", 0)
    different.append(environment("cpu", 2))
    monkeypatch.setattr(torch, "__version__", "3.0")
    different.append(environment("cpu", 2))
    assert len({extend("", one) for one in different}) == len(different)
