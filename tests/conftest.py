"""Shared by all tests: nothing reaches the network, the user's cache or the user's data."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # two tests at a time: a thread that waits must not spin

import forked
import pytest
from fakes import Sweep, fake_fields, fake_run
from hydra import compose, initialize_config_dir
from hypothesis import settings
from omegaconf import OmegaConf
from support import FORKS, ROOT, Command, Completed, Compose, Finished
from torch import Tensor, nn

from prunesweep import config
from prunesweep.config import RunConfig
from prunesweep.experiment import run as experiment
from prunesweep.export.description import Description
from prunesweep.models.build import build
from prunesweep.models.settings import LeNet300100
from prunesweep.results.run_directory import RunDirectory

NOWHERE = "http://127.0.0.1:9"  # a port that nobody listens on: downloads fail at once

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, and that inherited, where a shell runs a job beside
config.register()
settings.register_profile("here", deadline=None)  # no test may depend on how busy the machine is
settings.load_profile("here")


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    cache = tmp_path_factory.getbasetemp() / "cache"
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, NOWHERE)
    for variable in ("no_proxy", "NO_PROXY", "PRUNESWEEP_DATA", "HYDRA_FULL_ERROR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


@pytest.fixture(scope="session")
def full_data() -> Path:
    """The folder with full MNIST and Fashion-MNIST in torchvision's layout."""
    for folder in (os.environ.get("PRUNESWEEP_DATA"), ROOT.parent / "shared" / "data"):
        if folder and (Path(folder) / "MNIST" / "raw").is_dir():
            return Path(folder)
    pytest.skip("full MNIST is neither below PRUNESWEEP_DATA nor in ../shared/data")


@pytest.fixture
def composed() -> Compose:
    """The objects of `conf/` under overrides, without the command line."""

    def make(*overrides: str) -> RunConfig:
        with initialize_config_dir(str(ROOT / "conf")):
            return config.build(compose("config", list(overrides)))

    return make


@pytest.fixture
def completed(tmp_path: Path) -> Completed:
    """The directory of a short run with the given overrides, as run.py writes it."""

    def make(*overrides: str, name: str = "run") -> Path:
        short = ["model=lenet_300_100", "train.epochs=1", "finetune.epochs=1", "device=cpu", "threads=1", *overrides]
        with initialize_config_dir(str(ROOT / "conf")):
            composed = compose("config", [*short, f"store.dir={tmp_path / 'store'}"])
        (tmp_path / name / ".hydra").mkdir(parents=True)
        (tmp_path / name / ".hydra" / "config.yaml").write_text(OmegaConf.to_yaml(composed))
        experiment.run(config.build(composed), tmp_path / name, short)
        return tmp_path / name

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
        digest="ab",
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
    """A completed run of two epochs in the directory `sweep/NAME`, written without training."""

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
    """`python run.py …` in an empty folder, with a store of its own there; `fresh`: Python itself is started too."""

    def call(*arguments: str, store: bool = True, fresh: bool = False, **environment: str) -> Finished:
        arguments = (*arguments, *([f"store.dir={tmp_path / 'store'}"] if store else []))
        environment = {**os.environ, **environment}
        if FORKS and not fresh:
            said = tmp_path_factory.mktemp("said")
            code = forked.run(ROOT / "run.py", arguments, tmp_path, environment, said)
            return Finished(code, (said / "out").read_text(), (said / "err").read_text())
        command = [sys.executable, str(ROOT / "run.py"), *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        return Finished(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    """A sweep over amounts and seeds, in `tmp_path/NAME`."""

    def make(
        name: str = "sweep", amounts: tuple[float, ...] = (0.2, 0.5, 0.8, 0.9, 0.99), seeds: tuple[int, ...] = (0, 1)
    ) -> Path:
        runs = [(amount, seed) for amount in amounts for seed in seeds]
        for number, (amount, seed) in enumerate(runs):
            fake_run(tmp_path / name / str(number), fake_fields(amount, seed))
        return tmp_path / name

    return make
