"""The plan of a sweep, as a user sees it."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from support import Command

from hydra_plugins.prunesweep_plugins import planning
from prunesweep.chain.tasks import Part, Task

SHORT = ("model=lenet_300_100", "train.epochs=0", "finetune.epochs=0", "dataset.validation=3500", "threads=1")
SWEEP = ("-m", *SHORT, "prune.amount=0.1,0.5", "layers=fc,conv")
LINE = "4 runs: 3 steps, of them 0 epochs; 2 runs cannot be planned; 0 stored; the time is not known"


def test_a_dry_run_shows_the_plan_and_leaves_nothing_behind(run_py: Command, tmp_path: Path) -> None:
    done = run_py(*SWEEP, "dry_run=true")
    assert done.code == 0, done.err
    assert done.out.startswith(LINE)
    assert done.out.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_plan_comes_before_the_runs_and_failures_are_those_of_the_runs(run_py: Command, tmp_path: Path) -> None:
    done = run_py(*SWEEP, "hydra.sweep.dir=sweep")
    assert done.code == 1
    assert done.out.startswith(LINE)
    assert "2 of 4 runs completed, 2 failed" in done.out
    assert "selects no layer" in done.out
    report = (tmp_path / "sweep" / "report.html").stat().st_mtime_ns
    again = run_py(*SWEEP, "hydra.sweep.dir=sweep", "dry_run=true")
    assert again.out.startswith("4 runs: 3 steps, of them 0 epochs; 2 runs cannot be planned; all stored; ")
    assert "runs completed" not in again.out
    assert (tmp_path / "sweep" / "report.html").stat().st_mtime_ns == report


def test_a_dry_run_of_a_single_run_keeps_the_result_in_its_directory(run_py: Command, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "result.json").write_text("{}")
    done = run_py(*SHORT, "hydra.run.dir=run", "dry_run=true")
    assert done.code == 0, done.err
    assert done.out.startswith("1 run: 2 steps, of them 0 epochs; 0 stored; ")
    assert [path.name for path in tmp_path.rglob("*")] == ["run", "result.json"]


def test_a_dry_run_of_a_run_that_cannot_start_has_its_error(run_py: Command, tmp_path: Path) -> None:
    done = run_py(*SHORT, "layers=conv", "dry_run=true")
    assert done.code == 1
    assert "selects no layer" in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_of_a_search_shows_its_worst_case(run_py: Command, tmp_path: Path) -> None:
    space = (
        "prune.amount=range(0.1,0.9,step=0.1)",
        "finetune.epochs=choice(0,3)",
        "train.epochs=2",
        "layers=choice(all,fc)",
    )
    done = run_py("-m", "search=tradeoff", *SHORT[:1], *space, "hydra.sweeper.n_trials=10", "dry_run=true")
    assert done.code == 0, done.err
    assert done.out.startswith("10 trials: at most 70 steps, of them 50 epochs; the time is not known"), done.out
    assert list(tmp_path.iterdir()) == []


def test_sweepers_of_other_packages_cannot_show_a_plan(run_py: Command, tmp_path: Path) -> None:
    done = run_py("-m", "hydra/sweeper=basic", "prune.amount=0.1,0.2", "dry_run=true")
    assert done.code == 1
    assert "dry_run=true: only sweepers of this project can show a plan" in done.err
    assert list(tmp_path.iterdir()) == []


def test_huge_sweeps_are_not_planned(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(planning, "show_plan", lambda *_: pytest.fail("planned"))
    monkeypatch.setattr(planning, "MAX_PLANNED", 2)
    with caplog.at_level("INFO"):
        assert planning.plan_before_sweep([None] * 3, OmegaConf.create()) is None  # type: ignore[list-item]
    assert "3 runs: not planned, because there are more than 2." in caplog.text


def test_a_plan_that_fails_does_not_stop_the_sweep(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError("broken")

    monkeypatch.setattr(planning, "show_plan", fail)
    assert planning.plan_before_sweep([], OmegaConf.create()) is None
    assert "The sweep cannot be planned (" in caplog.text


@dataclass(frozen=True)
class Planned:
    """A forecast."""

    def tasks(self) -> list[Task]:
        return [Task(0, Part(0, 1)), Task(0, after=frozenset({0})), Task(1, after=frozenset({0})), Task(2)]


def test_other_launchers_get_jobs_in_waves_that_keep_their_directories() -> None:
    jobs = [["a=0"], ["a=1"], ["a=2"]]
    config = OmegaConf.create({"hydra": {"sweep": {"subdir": "x's/${hydra.job.num}-${a}"}}})
    placed = [[*job, f"hydra.sweep.subdir='x\\'s/{number}-${{a}}'"] for number, job in enumerate(jobs)]
    assert planning.waves(jobs, Planned(), config) == [[placed[0], placed[2]], [placed[1]]]  # type: ignore[arg-type]
    assert planning.waves(jobs, None, config) == [jobs]
