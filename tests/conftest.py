"""Fixtures of all tests, and the marker `fast`. Tests use neither the network nor the cache or the data of the user."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # tests run in parallel: waiting threads must not use a core

import forked
import pytest
from fakes import Sweep, fake_fields, fake_run
from hydra import compose, initialize_config_dir
from hypothesis import settings
from omegaconf import OmegaConf
from support import FORKS, LONG_TESTS, ROOT, SLOW_FIXTURES, SLOW_TESTS, Command, Completed, Compose, Finished
from torch import Tensor, nn

from prunesweep import config, process
from prunesweep.config import RunConfig
from prunesweep.data.datasets import Data, Split, load
from prunesweep.data.settings import NamedDataset
from prunesweep.experiment import run as experiment
from prunesweep.export.description import Description
from prunesweep.models.build import build
from prunesweep.models.settings import LeNet300100
from prunesweep.process import SIGNALS
from prunesweep.results.run_directory import RunDirectory

NOWHERE = "http://127.0.0.1:9"  # no server uses this port: downloads fail at once

# Background jobs ignore these signals, and commands that inherit this would ignore them too.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
config.register()
settings.register_profile("no_deadline", deadline=None)  # a busy machine must not fail a test
settings.load_profile("no_deadline")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `-m fast`, do not even import files without fast tests."""
    name = collection_path.relative_to(ROOT).as_posix() + "/" * collection_path.is_dir()
    return (config.option.markexpr == "fast" and name.startswith(SLOW_TESTS)) or None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that take seconds as `long`, and those that are not slow as `fast`."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if item.nodeid.startswith(LONG_TESTS):
            item.add_marker("long")
        elif not fixtures & SLOW_FIXTURES and not item.nodeid.startswith(SLOW_TESTS):
            item.add_marker("fast")


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    cache = tmp_path_factory.getbasetemp() / "cache"
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, NOWHERE)
    for variable in ("no_proxy", "NO_PROXY", "PRUNESWEEP_DATA", "HYDRA_FULL_ERROR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


@pytest.fixture
def restored_signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Restore signal handlers, and do not change the end of the test process."""
    monkeypatch.setattr(process.atexit, "register", lambda _: None)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def full_data() -> Path:
    """The folder with full MNIST and Fashion-MNIST in torchvision's layout."""
    for folder in (os.environ.get("PRUNESWEEP_DATA"), ROOT.parent / "shared" / "data"):
        if folder and (Path(folder) / "MNIST" / "raw").is_dir():
            return Path(folder)
    pytest.skip("full MNIST is neither below PRUNESWEEP_DATA nor in ../shared/data")


FEW = {"train": 96, "validation": 32, "test": 32}


@pytest.fixture
def little_data() -> Iterator[None]:
    """Reduce each split to its first examples, for tests that do not depend on accuracies."""

    def first(dataset: NamedDataset, device: str, layout: str) -> Data:
        data = load(dataset, device, layout)
        parts = {name: getattr(data, name) for name in FEW}
        few = {name: Split(part.images[: FEW[name]], part.labels[: FEW[name]]) for name, part in parts.items()}
        return replace(data, **few)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("prunesweep.chain.context.load", first)
        yield


@pytest.fixture
def composed() -> Compose:
    """The settings that `conf/` and the given overrides describe."""

    def make(*overrides: str) -> RunConfig:
        with initialize_config_dir(str(ROOT / "conf")):
            return config.build(compose("config", list(overrides)))

    return make


def short_run(folder: Path, store: Path, overrides: tuple[str, ...]) -> None:
    """Train and prune a small network with the given overrides, and leave what run.py leaves in `folder`."""
    short = ["model=lenet_300_100", "train.epochs=1", "finetune.epochs=1", "device=cpu", "threads=1", *overrides]
    with initialize_config_dir(str(ROOT / "conf")):
        composed = compose("config", [*short, f"store.dir={store}"])
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "config.yaml").write_text(OmegaConf.to_yaml(composed))
    experiment.run(config.build(composed), folder, short)


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The folder with `run`, the directory of a short run with the given overrides, and with its `store`."""

    @cache
    def make(*overrides: str) -> Path:
        folder = tmp_path_factory.mktemp("template")
        short_run(folder / "run", folder / "store", overrides)
        return folder

    return make


@pytest.fixture
def completed(templates: Callable[..., Path], tmp_path: Path) -> Completed:
    """The directory of a short run with the given overrides. Its store is `tmp_path/store`.

    It is a copy of a run that another test may have used, or with `fresh` a run of its own.
    """

    def make(*overrides: str, name: str = "run", fresh: bool = False) -> Path:
        run, store = tmp_path / name, tmp_path / "store"
        if fresh:
            short_run(run, store, overrides)
            return run
        template = templates(*overrides)
        shutil.copytree(template / "run", run)
        if (template / "store").exists():
            shutil.copytree(template / "store", store, dirs_exist_ok=True)
        saved = run / ".hydra" / "config.yaml"
        saved.write_text(saved.read_text().replace(str(template / "store"), str(store)))
        return run

    return make


@pytest.fixture
def description() -> Description:
    """The description in an exported file of `network`."""
    return Description(
        format="safetensors",
        model={"name": "lenet_300_100"},
        dataset="mnist5k",
        shape=[1, 28, 28],
        mean=[0.1307],
        std=[0.3081],
        validation=500,
        test_accuracy=0.5,
        params_total=266_610,
        params_nonzero=26_661,
        digest="ab" * 32,
    )


@pytest.fixture
def network() -> nn.Module:
    """An untrained LeNet-300-100 with most weights of its first layer set to zero."""
    model = build(LeNet300100(), (1, 28, 28), 10).eval()
    weight = model.get_submodule("fc1").weight
    assert isinstance(weight, Tensor)
    weight.data.masked_fill_(weight.abs() < 0.9 * weight.abs().max(), 0)
    return model


@pytest.fixture
def tracked(tmp_path: Path) -> Callable[..., RunDirectory]:
    """The directory `sweep/NAME` of a completed run of two epochs, written without training."""

    def make(name: str = "0", **result: object) -> RunDirectory:
        folder = tmp_path / "sweep" / name
        (folder / ".hydra").mkdir(parents=True, exist_ok=True)
        (folder / ".hydra" / "config.yaml").write_text(
            "seed: 0\nprune:\n  amount: 0.2\n  target: null\nlayers:\n  include: ['*']\n"
            "train:\n  batch_size: 64\nfinetune:\n  batch_size: ${train.batch_size}\n"
        )
        (folder / "result.json").write_text("{}")
        epochs = [{"step": 1, "epoch": 1, "phase": "dense", "lr": 0.1, "val_accuracy": 0.5}]
        epochs.append({"step": 3, "epoch": 2, "phase": "finetune", "lr": 0.05, "val_accuracy": 0.75})
        fields = {"model": "lenet5", "seconds": 1.5, "final": {"test_accuracy": 0.7}, "compression": None}
        return RunDirectory(folder, name, {**fields, "history": epochs, **result})

    return make


@pytest.fixture
def run_py(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Run `python run.py` with the given arguments in an empty folder, and with a store there.

    With `fresh`, start a new Python process instead of forking one that has loaded the libraries.
    """

    def call(*arguments: str, store: bool = True, fresh: bool = False, **environment: str) -> Finished:
        arguments = (*arguments, *([f"store.dir={tmp_path / 'store'}"] if store else []))
        if not any(each.startswith("workers=") for each in arguments):
            arguments = (*arguments, "workers=1")  # to start workers takes longer than most runs of tests
        environment = {**os.environ, **environment}
        if FORKS and not fresh:
            output = tmp_path_factory.mktemp("output")
            out, err = output / "out", output / "err"
            code = forked.start(ROOT / "run.py", arguments, tmp_path, out, err, environment).wait()
            return Finished(code, out.read_text(), err.read_text())
        command = [sys.executable, str(ROOT / "run.py"), *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        return Finished(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    """A sweep over amounts and seeds in `tmp_path/NAME`, written without training."""

    def make(
        name: str = "sweep", amounts: tuple[float, ...] = (0.2, 0.5, 0.8, 0.9, 0.99), seeds: tuple[int, ...] = (0, 1)
    ) -> Path:
        runs = [(amount, seed) for amount in amounts for seed in seeds]
        for number, (amount, seed) in enumerate(runs):
            fake_run(tmp_path / name / str(number), fake_fields(amount, seed))
        return tmp_path / name

    return make
