import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.prunesweep_plugins import launching
from prunesweep.errors import UsageError


def config(launcher: dict[str, object], name: str = "x") -> DictConfig:
    choices = {"hydra/launcher": name}
    return OmegaConf.create(
        {"threads": 2, "device": "auto", "hydra": {"launcher": launcher, "runtime": {"choices": choices}}}
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
    assert launching.parallel_runs(config(launcher)) == together


def test_runs_on_one_machine_divide_its_cores() -> None:
    assert launching.threads(config({"n_jobs": 2}), []) == ["threads=2"], "never more than `threads`"
    assert launching.threads(config({"n_jobs": -1}), []) == ["threads=1"]
    assert launching.threads(config({"n_jobs": -1}), ["threads=3"]) == [], "as given"
    assert launching.threads(config({}), []) == []
    assert launching.threads(config({"array_parallelism": 16}), []) == [], "each Slurm job has its own cores"


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
