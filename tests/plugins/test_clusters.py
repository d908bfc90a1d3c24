"""Slurm and Ray clusters as processes on this machine: what happens to a search that loses jobs and nodes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from clusters import output, slurm, until
from support import ROOT, Command, results, trials

SHORT = ("model=lenet_300_100", "train.epochs=1", "threads=1")
SLURM = ("hydra/launcher=slurm", "hydra.launcher.array_parallelism=2")


@pytest.fixture(scope="module")
def slurm_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="needs the extra [slurm]")
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield from slurm(tmp_path_factory.mktemp("slurm"), monkeypatch)


def start(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, str(ROOT / "run.py"), *arguments, f"store.dir={folder / 'store'}"]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def stored(folder: Path) -> set[str]:
    """The digests of the stored states."""
    return {path.stem for path in (folder / "store").glob("*/*.safetensors")}


def states(*jobs: str) -> list[str]:
    return [output("squeue", "--noheader", "--array", f"--jobs={job}", "--format=%T") for job in jobs]


@pytest.mark.usefixtures("slurm_cluster")
def test_slurm_runs_a_grid(run_py: Command, tmp_path: Path) -> None:
    done = run_py("-m", "prune.amount=0.3,0.6", *SHORT, *SLURM, "hydra.sweep.dir=grid", fresh=True)
    assert done.code == 0, done.err
    assert "2 of 2 runs completed" in done.out
    assert len(list(tmp_path.glob("grid/.submitit/*/*_result.pkl"))) == 2
    assert "sacct" not in done.err


@pytest.mark.usefixtures("slurm_cluster")
def test_a_canceled_slurm_job_is_a_failed_trial_and_a_requeued_one_continues(tmp_path: Path) -> None:
    space = ("prune.amount=range(0.1,0.9,step=0.1)", "finetune.epochs=choice(40)", "layers=choice(all)")
    search = start(
        tmp_path, "-m", "search=tradeoff", "study=s", *SHORT, *space, *SLURM, "hydra.sweeper.n_trials=3",
        "hydra.sweeper.max_failure_rate=0.5",
    )  # fmt: skip
    folder = tmp_path / "multirun" / "s"
    until(lambda: len(list(folder.glob("*/.hydra"))) == 2, "two jobs do not start")
    until(lambda: len(stored(tmp_path)) > 4, "the first steps are not computed")
    canceled, requeued = sorted(path.name for path in folder.glob(".submitit/*_[01]"))
    subprocess.run(["scancel", canceled], check=True)
    steps = len(stored(tmp_path))
    until(lambda: len(stored(tmp_path)) > steps + 12, "the jobs do not continue")
    before = stored(tmp_path)
    subprocess.run(["scontrol", "requeue", requeued], check=True)
    until(lambda: states(requeued) == ["PENDING"], "the job is not requeued")
    output("scontrol", "update", f"jobid={requeued}", "StartTime=now")  # Slurm waits for two minutes
    out, _ = search.communicate()
    assert search.returncode == 0, out
    assert [row["status"] for row in trials(folder)] == ["failed", "completed", "completed"], out
    assert f"Slurm job {canceled} ended without a result" in out
    result = json.loads((folder / "1" / "result.json").read_text())
    provenance = json.loads((folder / "1" / "provenance.json").read_text())
    early = before & {step["digest"] for step in provenance["steps"]}
    assert result["steps_cached"] >= len(early) > 3, "the requeued job continued"
