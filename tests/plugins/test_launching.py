from dataclasses import dataclass

import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.prunesweep_plugins import launching
from prunesweep.errors import UsageError


def config(launcher: dict[str, object], name: str = "x") -> DictConfig:
    choices = {"hydra/launcher": name}
    return OmegaConf.create(
        {
            "threads": 1,
            "workers": "auto",
            "device": "auto",
            "hydra": {"launcher": launcher, "runtime": {"choices": choices}},
        }
    )


@pytest.fixture(autouse=True)
def _eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launching, "cores", lambda: 8)


@pytest.mark.parametrize(
    ("launcher", "together"),
    [
        ({}, 1),
        ({"n_jobs": -1}, 8),
        ({"n_jobs": -2}, 7),
        ({"n_jobs": 3}, 3),
        ({"ray": {"init": {"num_cpus": None}, "remote": {"num_cpus": 2}}}, 4),
        ({"array_parallelism": 16}, 16),
    ],
)
def test_runs_at_the_same_time(launcher: dict[str, object], together: int) -> None:
    assert launching.parallel_runs(config({"_target_": "x.Y", **launcher})) == together


@pytest.mark.parametrize(
    ("workers", "threads", "together"), [("auto", 1, 8), ("auto", 3, 2), ("auto", 16, 1), ("5", 1, 5), ("1", 1, 1)]
)
def test_workers_share_the_cores(workers: str, threads: int, together: int) -> None:
    local = config({"_target_": "x.LocalLauncher"})
    local.workers, local.threads = workers, threads
    assert launching.parallel_runs(local) == together


@dataclass(frozen=True)
class Planned:
    """A forecast."""

    runs: int
    unknown: int
    expected: float

    @property
    def tree(self) -> "Planned":
        return self

    def seconds(self) -> float:
        return self.expected


@pytest.mark.parametrize(
    ("forecast", "together"),
    [(Planned(3, 0, 60), 3), (Planned(30, 0, 60), 8), (Planned(30, 0, 1), 1), (Planned(9, 2, 1), 8)],
)
def test_workers_are_started_if_there_is_work_for_them(forecast: Planned, together: int) -> None:
    local = config({"_target_": "x.LocalLauncher"})
    assert launching.parallel_runs(local, forecast) == together  # type: ignore[arg-type]


def test_one_gpu_per_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    joblib = config({"n_jobs": 2})
    assert [launching.device(joblib, number) for number in range(3)] == [
        ["device=cuda:0"],
        ["device=cuda:1"],
        ["device=cuda:0"],
    ]
    assert launching.device(config({}), 1) == []


def test_a_launcher_that_is_not_installed() -> None:
    absent = config({"_target_": "hydra_plugins.hydra_absent_launcher.x.Y"}, "ray")
    with pytest.raises(UsageError, match=r"hydra/launcher=ray: is not installed. pip install -e '.\[ray\]'"):
        launching.check_installed(absent)


def test_a_cluster_launcher_needs_the_one_of_hydra(monkeypatch: pytest.MonkeyPatch) -> None:
    clusters = config({"_target_": "hydra_plugins.prunesweep_plugins.clusters.RayLauncher"}, "ray")
    monkeypatch.setattr(launching, "find_spec", lambda name: None if "hydra_ray_launcher" in name else True)
    with pytest.raises(UsageError, match=r"hydra/launcher=ray: is not installed. pip install -e '.\[ray\]'"):
        launching.check_installed(clusters)


@pytest.mark.parametrize(
    ("device", "gpus", "visible", "workers", "variables"),
    [
        ("auto", 0, None, 8, []),
        ("cpu", 4, None, 8, []),
        ("auto", 1, None, 1, []),
        ("cuda:1", 4, None, 1, []),
        ("cuda", 2, None, 2, ["0", "1"]),
        ("auto", 2, "5,7", 2, ["5", "7"]),
    ],
)
def test_one_worker_uses_a_gpu(
    device: str,
    gpus: int,
    visible: str | None,
    workers: int,
    variables: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    local = config({"_target_": "x.LocalLauncher"})
    local.device = device
    assert launching.workers(local) == workers
    assert launching.environments(local) == [{"CUDA_VISIBLE_DEVICES": name} for name in variables]
