"""The plan of a sweep, as a user sees it."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf
from support import Command

from hydra_plugins.prunesweep_plugins import planning

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
    assert "2 of 4 runs completed, 2 did not" in done.out
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


@pytest.mark.parametrize("launcher", ["hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher", "basic"])
def test_other_launchers_and_huge_sweeps_are_not_planned(
    launcher: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(planning, "show_plan", lambda *_: pytest.fail("planned"))
    target = "hydra._internal.core_plugins.basic_launcher.BasicLauncher" if launcher == "basic" else launcher
    config = OmegaConf.create({"hydra": {"launcher": {"_target_": target}}})
    with caplog.at_level("INFO"):
        planning.show_plan_before_sweep([None] * 1_001, config)  # type: ignore[list-item]
    assert ("1,001 runs: not planned" in caplog.text) == (launcher == "basic")


def test_a_plan_that_fails_does_not_stop_the_sweep(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError("broken")

    monkeypatch.setattr(planning, "show_plan", fail)
    target = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
    planning.show_plan_before_sweep([], OmegaConf.create({"hydra": {"launcher": {"_target_": target}}}))
    assert "The plan of the sweep cannot be shown (" in caplog.text
