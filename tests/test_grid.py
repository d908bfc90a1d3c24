import pickle
from typing import Any

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.prunesweep_plugins.grid import ComposedOnce

MASTER = OmegaConf.create({"hydra": {}})


@pytest.fixture
def composed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The overrides of every config that Hydra's own loader composes."""
    calls: list[tuple[str, ...]] = []

    def compose(self: Any, master: DictConfig, overrides: list[str]) -> DictConfig:
        calls.append(tuple(overrides))
        return OmegaConf.create({"overrides": list(overrides)})

    monkeypatch.setattr(ConfigLoaderImpl, "load_sweep_config", compose)
    return calls


def loader() -> ComposedOnce:
    return ComposedOnce(ConfigLoaderImpl(create_config_search_path(None)))


def test_a_checked_config_is_composed_once_and_handed_out_once(composed: list[tuple[str, ...]]) -> None:
    ours = loader()
    kept = ours.keep(MASTER, ["seed=1"])
    assert ours.load_sweep_config(MASTER, ["seed=2"]) is not kept, "another job"
    assert ours.load_sweep_config(MASTER, ["seed=1"]) is kept
    assert ours.load_sweep_config(MASTER, ["seed=1"]) is not kept, "which its job may have changed"
    assert composed == [("seed=1",), ("seed=2",), ("seed=1",)]


def test_what_is_kept_is_bounded(composed: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hydra_plugins.prunesweep_plugins.grid.KEPT", 2)
    ours = loader()
    for seed in range(3):
        ours.keep(MASTER, [f"seed={seed}"])
    assert len(ours.kept) == 2
    assert ours.load_sweep_config(MASTER, ["seed=2"]).overrides == ["seed=2"]


def test_a_worker_gets_the_loader_without_the_configs(composed: list[tuple[str, ...]]) -> None:
    ours = loader()
    ours.keep(MASTER, ["seed=1"])
    there = pickle.loads(pickle.dumps(ours))
    assert there.kept == {}
    assert len(ours.kept) == 1
    assert there.load_sweep_config(MASTER, ["seed=1"]).overrides == ["seed=1"]
