import copy
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra._internal import config_loader_impl
from hydra._internal.config_repository import CachingConfigRepository
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.prunesweep_plugins import composing
from hydra_plugins.prunesweep_plugins.composing import JobComposer

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


@pytest.fixture
def hydras() -> Iterator[ConfigLoader]:
    """Hydra's own loader of `conf/`."""
    with initialize_config_dir(str(Path(__file__).parents[2] / "conf")):
        yield GlobalHydra.instance().config_loader()


@pytest.fixture
def master(hydras: ConfigLoader) -> DictConfig:
    """The config of the sweep."""
    return hydras.load_configuration("config", [], run_mode=RunMode.RUN)


def cache(composer: JobComposer) -> Any:
    assert composer.cached is not None
    return composer.cached


def test_every_config_is_the_one_that_hydra_composes_after_any_other(hydras: ConfigLoader) -> None:
    composer = JobComposer(hydras)
    master = hydras.load_configuration("config", ["dataset=mnist", "seed=3"], run_mode=RunMode.RUN)
    for job in JOBS:
        expected = hydras.load_sweep_config(master, ["dataset=mnist", *job])
        composed = composer.load_sweep_config(master, ["dataset=mnist", *job])
        assert OmegaConf.to_container(composed) == OmegaConf.to_container(expected), job
        assert OmegaConf.get_type(composed, "prune") == OmegaConf.get_type(expected, "prune")
        composed.prune.amount = 0.99  # a job may change its config
    assert len(cache(composer).merged) == 5


def test_values_are_those_of_the_job_and_not_of_an_earlier_one(hydras: ConfigLoader, master: DictConfig) -> None:
    composer = JobComposer(hydras)
    jobs = [["seed=1", "prune.amount=0.1"], ["seed=2", "prune.amount=0.2"], ["prune.amount=0.3", "seed=3"]]
    jobs += [
        ["seed=4", "study='a b'", "hydra.sweep.subdir='x/${seed}'"],
        ["seed=5", "study=null", "hydra.sweep.subdir=y"],
    ]
    jobs += [["seed=6", "layers.include=[fc1]"], ["seed=7", "layers.include=[fc1]"], ["prune.amount=1", "seed=8"]]
    for job in [*jobs, *jobs]:
        assert composer.load_sweep_config(master, job) == hydras.load_sweep_config(master, job), job
    assert len(composer.examples) == 4
    assert composer.copies_verified


def test_only_the_first_job_of_a_kind_is_composed_by_hydra_as_well(
    hydras: ConfigLoader, master: DictConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed: list[str] = []
    composer = JobComposer(hydras)

    def counting(master: DictConfig, overrides: list[str]) -> DictConfig:
        composed.extend(overrides)
        return type(hydras).load_sweep_config(hydras, master, overrides)

    monkeypatch.setattr(hydras, "load_sweep_config", counting)
    for seed in range(4):
        composer.load_sweep_config(master, [f"seed={seed}"])
    assert composed == ["seed=0", "seed=1"], "the first config, and the first copy"


def test_wrong_overrides_are_refused_as_by_hydra(
    hydras: ConfigLoader, master: DictConfig, caplog: pytest.LogCaptureFixture
) -> None:
    composer = JobComposer(hydras)
    for job in ["model=lenet6"], ["prune.amout=0.1"], ["prune.amount=abc"], ["prune.amount=0.1"]:
        outcomes = []
        for loader in (hydras, composer):
            try:
                outcomes.append(repr(loader.load_sweep_config(master, job)))
            except Exception as error:
                outcomes.append(repr(error))
        assert outcomes[0] == outcomes[1]
    assert composer.cached is not None
    assert not caplog.messages


def test_files_are_read_once_for_all_jobs(
    hydras: ConfigLoader, master: DictConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    composer = JobComposer(hydras)
    composer.verified = composer.copies_verified = True  # the comparison reads files too
    read: list[str] = []
    repository: Any = type(composer.repository)
    load = repository.load_config

    def counting(self: Any, config_path: str) -> Any:
        read.append(config_path)
        return load(self, config_path)

    monkeypatch.setattr(repository, "load_config", counting)
    for job in JOBS:
        composer.load_sweep_config(master, job)
    assert len(read) == len(set(read))


def test_the_caches_are_bounded(hydras: ConfigLoader, master: DictConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composing, "KEPT", 2)
    composer = JobComposer(hydras)
    for name in ("lenet5", "lenet_300_100", "conv_lenet"):
        composer.load_sweep_config(master, [f"model={name}"])
    assert len(composer.examples) == 2
    assert len(cache(composer).merged) == 2
    assert composer.load_sweep_config(master, ["model=conv_lenet"]).model.name == "conv_lenet"


def test_a_worker_process_gets_hydras_loader(hydras: ConfigLoader, master: DictConfig) -> None:
    composer = JobComposer(hydras)
    kept = composer.load_sweep_config(master, ["seed=1"])
    sent = pickle.loads(pickle.dumps(composer))
    assert type(sent) is type(hydras)
    assert sent.load_sweep_config(master, ["seed=1"]) == kept


def test_hydras_loader_is_used_if_a_class_of_hydra_is_missing(
    hydras: ConfigLoader, master: DictConfig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.delattr(config_loader_impl, "ConfigLoaderImpl")
        composer = JobComposer(hydras)
    assert composer.cached is None
    assert composer.load_sweep_config(master, ["seed=1"]).seed == 1
    (message,) = caplog.messages
    assert "ImportError: cannot import name 'ConfigLoaderImpl'" in message
    assert "Hydra's own, slower loader is used." in message


def test_hydras_loader_is_used_if_the_cached_one_fails(
    hydras: ConfigLoader, master: DictConfig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(self: object, memo: object) -> None:
        raise TypeError("cannot be copied")

    monkeypatch.setattr(CachingConfigRepository, "__deepcopy__", refuse, raising=False)
    composer = JobComposer(hydras)
    assert [composer.load_sweep_config(master, [f"seed={seed}"]).seed for seed in range(3)] == [0, 1, 2]
    assert len(caplog.messages) == 1
    assert "TypeError: cannot be copied" in caplog.text


def test_hydras_loader_is_used_if_the_configs_differ(
    hydras: ConfigLoader, master: DictConfig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Copied files with another value stand for an internal method whose meaning has changed."""

    def changed(self: Any, memo: object) -> Any:
        files = copy.copy(self)
        files.cache = copy.deepcopy(self.cache)
        for each in files.cache.values():
            if each is not None and "train" in each.config:
                each.config.train.batch_size = 99
        return files

    monkeypatch.setattr(CachingConfigRepository, "__deepcopy__", changed, raising=False)
    composer = JobComposer(hydras)
    assert [composer.load_sweep_config(master, [f"seed={seed}"]).train.batch_size for seed in range(3)] == [128] * 3
    assert len(caplog.messages) == 1
    assert "the composed configs differ" in caplog.text


def test_a_sweep_works_with_hydras_loader(hydras: ConfigLoader, master: DictConfig) -> None:
    composer = JobComposer(hydras)
    composer.cached = None
    assert composer.load_sweep_config(master, ["seed=1"]).seed == 1
    assert composer.load_sweep_config(master, ["seed=2"]).seed == 2
