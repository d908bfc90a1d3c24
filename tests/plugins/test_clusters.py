"""Slurm and Ray clusters as processes on this machine: what happens to a search that loses jobs and nodes."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace

import pytest
from clusters import kill_node, output, ray, running, slurm, until
from hydra.core.utils import JobStatus
from support import ROOT, Command, trials

from hydra_plugins.prunesweep_plugins import clusters as clusters_module
from hydra_plugins.prunesweep_plugins.clusters import SlurmLauncher, _ray_result, _slurm_result, wait

SHORT = ("model=lenet_300_100", "train.epochs=1", "threads=1")
LONG = "finetune.epochs=choice(200)"  # no job ends before the last one has started, and the test acts
SPACE = ("prune.amount=range(0.1,0.9,step=0.1)", LONG, "layers=choice(all)")
OTHERS = 3  # steps that another trial may have computed: initialization, training, pruning
SLURM = ("hydra/launcher=slurm", "hydra.launcher.array_parallelism=2")


class Job:
    """A job of submitit, which has a result or not."""

    def __init__(self, job_id: str, folder: Path) -> None:
        self.job_id = job_id
        self.paths = SimpleNamespace(result_pickle=folder / job_id, stderr=folder / "log")

    def finish(self) -> None:
        self.paths.result_pickle.touch()

    def exception(self) -> Exception | None:
        return ValueError("out of memory")


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Two running jobs."""
    monkeypatch.setattr(clusters_module, "POLL", 0)
    return [Job("7_0", tmp_path), Job("7_1", tmp_path)]


def answers(monkeypatch: pytest.MonkeyPatch, jobs: list[Job], *queues: set[str] | None) -> Iterator[set[str] | None]:
    """Let `squeue` answer with `queues`, one after the other. Then the second job finishes."""

    def look() -> Iterator[set[str] | None]:
        yield from queues
        jobs[1].finish()
        yield set()

    left = look()
    monkeypatch.setattr(clusters_module, "queue", lambda: next(left))
    return left


BOTH, SECOND = {"7_0", "7_1"}, {"7_1"}


@pytest.mark.parametrize(
    "queues",
    [(BOTH, SECOND, SECOND, SECOND), (SECOND, None, SECOND, SECOND), (SECOND, BOTH, SECOND, SECOND)],
    ids=["canceled", "Slurm does not answer", "not listed once"],
)
def test_a_job_that_left_the_queue_does_not_end_the_wait_for_the_other(
    queues: tuple[set[str] | None, ...], jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    left = answers(monkeypatch, jobs, *queues)
    wait(jobs)
    assert not list(left), "until the second job finished"


def test_a_job_that_is_listed_again_has_not_ended(jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    jobs[1].finish()
    left = answers(monkeypatch, jobs, set(), {"7_0"}, set(), {"7_0"}, set(), set(), BOTH)
    wait(jobs)
    assert next(left) == BOTH, "two looks in a row decide"


def test_a_job_with_a_result_that_is_still_listed_may_be_requeued(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    for job in jobs:
        job.finish()
    left = answers(monkeypatch, jobs, BOTH, SECOND, set(), BOTH)
    wait(jobs)
    assert next(left) == BOTH


def test_a_lost_job_is_a_failed_job(jobs: list[Job], caplog: pytest.LogCaptureFixture) -> None:
    jobs[1].finish()
    for job, reason in zip(jobs, ("ended without a result", "7_1: out of memory"), strict=True):
        result = _slurm_result(job, ["seed=1"])
        assert (result.status, result.overrides) == (JobStatus.FAILED, ["seed=1"])
        assert reason in caplog.text
        with pytest.raises(RuntimeError, match=reason):
            _ = result.return_value


def test_an_interruption_cancels_the_jobs(jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(jobs: list[Job]) -> None:
        raise KeyboardInterrupt

    canceled: list[str] = []
    monkeypatch.setattr(clusters_module, "wait", interrupt)
    monkeypatch.setattr(Job, "cancel", lambda job, check: canceled.append(job.job_id), raising=False)
    launcher = SlurmLauncher()
    monkeypatch.setattr(launcher, "_submit", lambda overrides, first: jobs)
    with pytest.raises(KeyboardInterrupt):
        launcher.launch([["seed=0"], ["seed=1"]], 0)
    assert canceled == ["7_0", "7_1"]


@pytest.fixture(scope="module")
def slurm_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="needs the extra [slurm]")
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield from slurm(tmp_path_factory.mktemp("slurm"), monkeypatch)


def search(folder: Path, *arguments: str) -> AbstractContextManager["subprocess.Popen[bytes]"]:
    """A search in `folder`, whose output is in `folder/log`."""
    common = ("-m", "search=tradeoff", "study=s", *SHORT, *SPACE, f"store.dir={folder / 'store'}")
    return running(folder / "log", sys.executable, str(ROOT / "run.py"), *common, *arguments, folder=folder)


def progress(folder: Path) -> list[int]:
    """The numbers of stored epochs of fine-tuning, one for each pruned network."""
    records = {path.stem: json.loads(path.read_text()) for path in (folder / "store").glob("??/*.json")}

    def pruned(digest: str) -> str:
        while digest and records[digest]["step"]["step"] != "Prune":
            digest = records[digest]["parent"]
        return digest

    epochs = [digest for digest, record in records.items() if record["step"]["step"] == "TrainEpoch"]
    counts = Counter(map(pruned, epochs))
    del counts[""]  # training of the dense network
    return list(counts.values())


def working(folder: Path, jobs: int) -> bool:
    """Whether each job has stored at least three epochs of its own."""
    return [epochs >= 3 for epochs in progress(folder)] == [True] * jobs


def state(job: str) -> str:
    return output("squeue", "--noheader", "--array", f"--jobs={job}", "--format=%T")


def steps_cached(run: Path) -> int:
    return int(json.loads((run / "result.json").read_text())["steps_cached"])


@pytest.mark.usefixtures("slurm_cluster")
def test_slurm_runs_a_grid(run_py: Command, tmp_path: Path) -> None:
    done = run_py("-m", "prune.amount=0.3,0.6", *SHORT, *SLURM, "hydra.sweep.dir=grid", fresh=True)
    assert done.code == 0, done.err
    assert "2 of 2 runs completed" in done.out
    assert len(list(tmp_path.glob("grid/.submitit/*/*_result.pkl"))) == 2
    assert "sacct" not in done.err


@pytest.mark.usefixtures("slurm_cluster")
def test_a_canceled_slurm_job_is_a_failed_trial_and_a_requeued_one_continues(tmp_path: Path) -> None:
    folder = tmp_path / "multirun" / "s"
    with search(tmp_path, *SLURM, "hydra.sweeper.n_trials=2", "hydra.sweeper.max_failure_rate=0.5") as process:
        until(lambda: working(tmp_path, jobs=2), "two jobs do not start", tmp_path / "log")
        canceled, requeued = sorted(path.name for path in folder.glob(".submitit/*_[01]"))
        subprocess.run(["scancel", canceled], check=True)
        subprocess.run(["scontrol", "requeue", requeued], check=True)
        until(lambda: state(requeued) == "PENDING", "the job is not requeued")
        output("scontrol", "update", f"jobid={requeued}", "StartTime=now")  # otherwise Slurm waits for two minutes
        assert process.wait() == 0, (tmp_path / "log").read_text()
    assert [row["status"] for row in trials(folder)] == ["failed", "completed"]
    assert f"Slurm job {canceled} ended without a result" in (tmp_path / "log").read_text()
    assert steps_cached(folder / "1") >= OTHERS + 3, "the requeued job continued"


def test_a_lost_ray_task_is_a_failed_job(monkeypatch: pytest.MonkeyPatch) -> None:
    library = pytest.importorskip("ray", reason="needs the extra [ray]")

    def lose(task: str) -> None:
        raise library.exceptions.WorkerCrashedError

    monkeypatch.setattr(library, "get", lose)
    result = _ray_result("task", ["seed=1"])
    assert (result.status, result.overrides) == (JobStatus.FAILED, ["seed=1"])
    with pytest.raises(RuntimeError, match="WorkerCrashedError"):
        _ = result.return_value


@pytest.fixture(scope="module")
def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("hydra_plugins.hydra_ray_launcher", reason="needs the extra [ray]")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # else a token in the user's home decides, for some processes
        monkeypatch.setenv("RAY_health_check_period_ms", "1000")  # a lost node is noticed within seconds
        monkeypatch.setenv("RAY_health_check_failure_threshold", "3")
        monkeypatch.setenv("RAY_health_check_initial_delay_ms", "1000")
        yield from ray(tmp_path_factory.mktemp("ray"))


def test_a_killed_ray_node_costs_no_trial(ray_cluster: str, tmp_path: Path) -> None:
    folder = tmp_path / "multirun" / "s"
    ray = ("hydra/launcher=ray", f"hydra.launcher.ray.init.address={ray_cluster}", "hydra.sweeper.n_jobs=3")
    with search(tmp_path, *ray, "hydra.sweeper.n_trials=3") as process:
        until(lambda: working(tmp_path, jobs=3), "three jobs do not start", tmp_path / "log")
        kill_node("two")
        assert process.wait() == 0, (tmp_path / "log").read_text()
    assert [row["status"] for row in trials(folder)] == ["completed"] * 3
    cached = [steps_cached(folder / str(number)) for number in range(3)]
    assert sum(steps >= OTHERS + 3 for steps in cached) == 1, "the lost job was repeated, and continued"
