import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.prunesweep_plugins.composing import ComposedOnce

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
    monkeypatch.setattr("hydra_plugins.prunesweep_plugins.composing.KEPT", 2)
    ours = loader()
    for seed in range(3):
        ours.keep(MASTER, [f"seed={seed}"])
    assert len(ours.kept) == 2
    assert ours.load_sweep_config(MASTER, ["seed=2"]).overrides == ["seed=2"]


@pytest.fixture
def hydras() -> Iterator[ConfigLoader]:
    """Hydra's own loader of `conf/`."""
    with initialize_config_dir(str(Path(__file__).parents[2] / "conf")):
        yield GlobalHydra.instance().config_loader()


JOBS = [
    ["prune.amount=0.1"],
    ["prune.amount=0.2", "layers.include=[conv1]"],
    ["prune.per_layer.fc1=0.5", "+model.unknown=1"],
    ["model=lenet_300_100", "prune.amount=0.1"],
    ["model=lenet5_caffe", "schedule=gradual"],
    ["schedule=gradual", "model=lenet5_caffe"],
    ["schedule=gradual", "schedule.every=7"],
    ["prune.amount=0.1"],
    ["model=conv_lenet", "layers=article"],
    ["model=lenet_300_100", "prune.amount=0.3"],
]


def test_every_config_is_the_one_that_hydra_composes_whatever_came_before(hydras: ConfigLoader) -> None:
    ours = ComposedOnce(hydras)
    master = hydras.load_configuration("config", ["dataset=mnist", "seed=3"], run_mode=RunMode.RUN)
    for job in JOBS:
        expected = hydras.load_sweep_config(master, ["dataset=mnist", *job])
        composed = ours.load_sweep_config(master, ["dataset=mnist", *job])
        assert OmegaConf.to_container(composed) == OmegaConf.to_container(expected), job
        assert OmegaConf.get_type(composed, "prune") == OmegaConf.get_type(expected, "prune")
        composed.prune.amount = 0.99  # what a job does to its config is nobody else's
    assert len(ours.merged) == 5


def test_a_config_that_cannot_be_is_refused_as_ever(hydras: ConfigLoader) -> None:
    ours = ComposedOnce(hydras)
    master = hydras.load_configuration("config", [], run_mode=RunMode.RUN)
    for job in ["model=lenet6"], ["prune.amout=0.1"], ["prune.amount=abc"], ["prune.amount=0.1"]:
        outcomes = []
        for loader in (hydras, ours):
            try:
                outcomes.append(repr(loader.load_sweep_config(master, job)))
            except Exception as error:
                outcomes.append(repr(error))
        assert outcomes[0] == outcomes[1]


def test_files_are_read_once_for_all_jobs(hydras: ConfigLoader, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    ours = ComposedOnce(hydras)
    master = hydras.load_configuration("config", [], run_mode=RunMode.RUN)
    load = type(ours.repository).load_config  # type: ignore[attr-defined]

    def counting(self: Any, config_path: str) -> Any:
        read.append(config_path)
        return load(self, config_path)

    monkeypatch.setattr(type(ours.repository), "load_config", counting)  # type: ignore[attr-defined]
    for job in JOBS:
        ours.load_sweep_config(master, job)
    assert len(read) == len(set(read))


def test_a_worker_gets_the_loader_without_the_configs(hydras: ConfigLoader) -> None:
    ours = ComposedOnce(hydras)
    master = hydras.load_configuration("config", [], run_mode=RunMode.RUN)
    kept = ours.keep(master, ["seed=1"])
    there = pickle.loads(pickle.dumps(ours))
    assert (there.read, there.merged, there.kept) == (None, {}, {})
    assert ours.read is not None
    assert (len(ours.merged), len(ours.kept)) == (1, 1)
    assert there.load_sweep_config(master, ["seed=1"]) == kept


def test_what_is_merged_is_bounded(hydras: ConfigLoader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hydra_plugins.prunesweep_plugins.composing.KEPT", 2)
    ours = ComposedOnce(hydras)
    master = hydras.load_configuration("config", [], run_mode=RunMode.RUN)
    models = [ours.load_sweep_config(master, [f"model={name}"]).model.name for name in ("lenet5", "lenet_300_100")]
    models.append(ours.load_sweep_config(master, ["model=conv_lenet"]).model.name)
    assert models == ["lenet5", "lenet_300_100", "conv_lenet"]
    assert len(ours.merged) == 2
