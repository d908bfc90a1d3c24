import json
from contextlib import suppress
from pathlib import Path

import pytest
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.prunesweep_plugins.callback import SweepTable


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


@pytest.mark.parametrize("given", [False, True])
def test_an_interrupt_contains_the_directory_unless_the_command_does(given: bool, tmp_path: Path) -> None:
    interrupt = KeyboardInterrupt()
    with suppress(KeyboardInterrupt):
        try:
            raise interrupt
        finally:
            SweepTable().on_multirun_end(config(tmp_path, given=given))
    assert interrupt.args == (() if given else (f"hydra.sweep.dir={tmp_path}",))


def test_a_sweep_without_runs_has_no_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    SweepTable().on_multirun_end(config(tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""


def test_a_single_run_starts_without_the_outputs_of_an_earlier_one(tmp_path: Path) -> None:
    for name in ("result.json", "notes.txt"):
        (tmp_path / name).write_text("{}")
    SweepTable().on_run_start(OmegaConf.create({"hydra": {"run": {"dir": str(tmp_path)}}}))
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
