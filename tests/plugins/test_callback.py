import json
from contextlib import suppress
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from fakes import fake_fields, fake_run
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.prunesweep_plugins import callback
from hydra_plugins.prunesweep_plugins.callback import SweepTable
from prunesweep.errors import Fatal
from prunesweep.report.console import terminal
from prunesweep.search.sweep_directory import RECORD, Refused


def config(folder: Path, mode: RunMode = RunMode.MULTIRUN, *, given: bool = False) -> DictConfig:
    overrides = {"task": ["seed=1"], "hydra": [f"hydra.sweep.dir={folder}"] if given else []}
    hydra = {"mode": mode, "runtime": {"output_dir": str(folder / "0")}, "sweep": {"dir": str(folder)}}
    return OmegaConf.create({"hydra": {**hydra, "overrides": overrides}})


def ended(error: BaseException | None) -> JobReturn:
    return JobReturn(status=JobStatus.FAILED if error else JobStatus.COMPLETED, _return_value=error or 0.9)


def test_the_reason_of_a_failed_job_is_recorded(tmp_path: Path) -> None:
    SweepTable().on_job_end(config(tmp_path), ended(ValueError("too large")))
    result = json.loads((tmp_path / "0" / "result.json").read_text())
    assert (result["status"], result["error"], result["overrides"]) == ("failed", "too large", ["seed=1"])


@pytest.mark.parametrize(
    ("mode", "error"),
    [(RunMode.MULTIRUN, None), (RunMode.MULTIRUN, KeyboardInterrupt()), (RunMode.RUN, ValueError("too large"))],
    ids=["completed", "interrupted", "a single run"],
)
def test_nothing_is_recorded_otherwise(mode: RunMode, error: BaseException | None, tmp_path: Path) -> None:
    SweepTable().on_job_end(config(tmp_path, mode), ended(error))
    assert list(tmp_path.iterdir()) == []


def test_an_error_that_follows_a_signal_is_not_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callback, "interrupted", lambda: True)
    SweepTable().on_job_end(config(tmp_path), ended(ValueError("numpy has no attribute 'x'")))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """A sweep with one run."""
    fake_run(tmp_path / "a sweep" / "0", fake_fields(0.5, 0))
    return tmp_path / "a sweep"


def end(sweep: Path, error: BaseException | None, *, given: bool = False) -> None:
    """Let the callback handle the end of a sweep with `error`."""
    with suppress(BaseException):
        try:
            if error:
                raise error
        finally:
            SweepTable().on_multirun_end(config(sweep, given=given))


@pytest.mark.parametrize("given", [False, True])
def test_an_interrupt_contains_the_directory_unless_the_command_does(given: bool, sweep: Path) -> None:
    interrupt = KeyboardInterrupt()
    end(sweep, interrupt, given=given)
    assert interrupt.args == (() if given else (f"hydra.sweep.dir='{sweep}'",))
    assert (sweep / "results.csv").exists()


def test_an_interrupt_of_the_report_contains_the_directory(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt = KeyboardInterrupt()
    monkeypatch.setattr(terminal, "conclude", MagicMock(side_effect=interrupt))
    end(sweep, None)
    assert interrupt.args == (f"hydra.sweep.dir='{sweep}'",)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError(), None], ids=repr)
def test_a_sweep_without_runs_has_neither_a_report_nor_a_directory_to_continue_in(
    error: BaseException | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    end(tmp_path, error)
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""
    assert error is None or error.args == ()


def test_a_refused_sweep_leaves_the_directory_as_it_is(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    end(sweep, Refused("another sweep"))
    assert [path.name for path in sweep.iterdir()] == ["0"]
    assert capsys.readouterr().out == ""


def test_a_single_run_starts_without_the_outputs_of_an_earlier_one(tmp_path: Path) -> None:
    for name in ("result.json", "notes.txt"):
        (tmp_path / name).write_text("{}")
    SweepTable().on_run_start(OmegaConf.create({"hydra": {"run": {"dir": str(tmp_path)}}}))
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def single(folder: Path) -> DictConfig:
    return OmegaConf.create({"hydra": {"run": {"dir": str(folder)}}})


@pytest.mark.parametrize("inside", ["", "0", "0/again"])
def test_a_single_run_in_the_directory_of_a_sweep_is_refused(inside: str, sweep: Path) -> None:
    (sweep / RECORD).write_text("{}")
    with pytest.raises(Fatal) as error:
        SweepTable().on_run_start(single(sweep / inside))
    assert "belongs to the sweep in" in str(error.value.__cause__)
    assert (sweep / "0" / "result.json").exists()


def starting(folder: Path, sweeper: str, **more: str) -> DictConfig:
    return OmegaConf.create({"hydra": {"sweeper": {"_target_": sweeper, **more}, "sweep": {"dir": str(folder)}}})


STOCK = "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"


def test_a_sweeper_that_records_no_settings_uses_only_new_directories(sweep: Path, tmp_path: Path) -> None:
    SweepTable().on_multirun_start(starting(tmp_path / "new", STOCK))
    SweepTable().on_multirun_start(starting(sweep, "hydra_plugins.prunesweep_plugins.grid_sweeper.GridSweeper"))
    for record, message in ((False, "contains runs"), (True, "belongs to the sweep")):
        if record:
            (sweep / RECORD).write_text("{}")
        with pytest.raises(Fatal) as error:
            SweepTable().on_multirun_start(starting(sweep, STOCK))
        assert message in str(error.value.__cause__)


def test_a_search_for_the_lowest_accuracy_is_refused(tmp_path: Path) -> None:
    SweepTable().on_multirun_start(starting(tmp_path, STOCK, direction="maximize"))
    with pytest.raises(Fatal) as error:
        SweepTable().on_multirun_start(starting(tmp_path, STOCK, direction="minimize"))
    assert "Set hydra.sweeper.direction=maximize" in str(error.value.__cause__)
