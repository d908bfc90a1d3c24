"""Shared by all tests: nothing reaches the network, the user's cache or the user's data."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hypothesis import settings

from prunesweep import config
from prunesweep.config import RunConfig

ROOT = Path(__file__).parent.parent
NOWHERE = "http://127.0.0.1:9"  # a port that nobody listens on: downloads fail at once

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


Compose = Callable[..., RunConfig]


@pytest.fixture
def composed() -> Compose:
    """The objects of `conf/` under overrides, without the command line."""

    def make(*overrides: str) -> RunConfig:
        with initialize_config_dir(str(ROOT / "conf")):
            return config.build(compose("config", list(overrides)))

    return make


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str


Command = Callable[..., Finished]


@pytest.fixture
def run_py(tmp_path: Path) -> Command:
    """`python run.py …` in an empty folder, with a store of its own there."""

    def call(*arguments: str, store: bool = True, **environment: str) -> Finished:
        command = [sys.executable, str(ROOT / "run.py"), *arguments]
        if store:
            command.append(f"store.dir={tmp_path / 'store'}")
        done = subprocess.run(
            command, cwd=tmp_path, env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    return call
