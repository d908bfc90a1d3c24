"""Reports and output that cannot be written: one message, an exit code that is not 0, and all other files."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import Sweep
from hydra.types import RunMode
from omegaconf import OmegaConf
from support import ROOT, Command

from hydra_plugins.prunesweep_plugins.callback import SweepTable
from prunesweep.cli import main
from prunesweep.errors import Fatal, UsageError
from prunesweep.report.console.terminal import conclude
from prunesweep.report.render import files

FILES = {"results.csv", "frontier.csv", "frontier.png", "frontier.pdf", "frontier.svg", "report.html"}
TINY = ("threads=1", "device=cpu", "model=lenet_300_100", "train.epochs=0", "finetune.epochs=0")


def full_disk(*_: object) -> None:
    raise OSError(28, "No space left on device", "x")


def test_files_are_written_before_anything_is_printed(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, printed = sweep(amounts=(0.5,), seeds=(0,)), []
    write = files.write_atomically
    monkeypatch.setattr(
        files, "write_atomically", lambda *given: (printed.append(capsys.readouterr().out), write(*given))
    )
    conclude([folder], folder)
    assert printed == [""] * 6


def test_a_report_that_cannot_be_written_is_one_message_after_the_table(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = sweep(amounts=(0.5,), seeds=(0,))
    monkeypatch.setattr(files, "write_atomically", full_disk)
    with pytest.raises(UsageError, match=r"cannot be written \(No space left on device\).*run: prunesweep report "):
        conclude([folder], folder)
    assert "1 of 1 runs completed" in capsys.readouterr().out
    assert main(["report", str(folder)]) == 1
    assert capsys.readouterr().err.count("cannot be written") == 1
    assert (folder / "0" / "result.json").exists()


def test_hydra_does_not_suppress_the_failure_of_the_report(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = sweep(amounts=(0.5,), seeds=(0,))
    monkeypatch.setattr(files, "write_atomically", full_disk)
    hydra = {"mode": RunMode.MULTIRUN, "sweep": {"dir": str(folder)}, "overrides": {"hydra": []}}
    with pytest.raises(Fatal) as error:
        SweepTable().on_multirun_end(OmegaConf.create({"hydra": hydra}))
    assert "cannot be written" in str(error.value.__cause__)


def test_an_earlier_result_that_cannot_be_removed_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "unlink", full_disk)
    with pytest.raises(Fatal):
        SweepTable().on_run_start(OmegaConf.create({"hydra": {"run": {"dir": str(tmp_path)}}}))


def test_a_sweep_whose_report_cannot_be_written_keeps_its_results(run_py: Command, tmp_path: Path) -> None:
    (tmp_path / "sweep" / "report.html" / "occupied").mkdir(parents=True)
    done = run_py("-m", *TINY, "prune.amount=0.1,0.2", "hydra.sweep.dir=sweep")
    assert done.code == 1
    assert done.err.count("error: ") == 1
    assert "sweep: the report cannot be written (Is a directory)" in done.err
    assert "UserWarning" not in done.err
    assert "2 of 2 runs completed" in done.out
    assert len(list(tmp_path.glob("sweep/*/result.json"))) == 2


@pytest.mark.parametrize("folder", ["file/x", "file"])
def test_a_run_directory_that_cannot_be_written_is_one_message(folder: str, run_py: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run_py(*TINY, f"hydra.run.dir={folder}")
    assert done.code == 1
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert "Not a directory" in done.err or "File exists" in done.err


def test_a_reader_that_leaves_does_not_end_a_sweep(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, str(ROOT / "run.py"), "-m", *TINY, "prune.amount=0.1,0.2", "hydra.sweep.dir=sweep"]
    done = subprocess.run(
        [*command, "store.enabled=false"], cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "error: standard output: Broken pipe. Everything else is complete.\n")
    assert {path.name for path in (tmp_path / "sweep").iterdir()} >= FILES
    assert len(list(tmp_path.glob("sweep/*/result.json"))) == 2


@pytest.mark.parametrize(
    ("redirection", "reason"), [(">&-", "Bad file descriptor"), (">/dev/full", "No space left on device")]
)
def test_a_report_without_standard_output_is_written(redirection: str, reason: str, sweep: Sweep) -> None:
    folder = sweep(amounts=(0.5,), seeds=(0,))
    script = Path(sys.executable).parent / "prunesweep"
    command = ["sh", "-c", f'exec "$0" report "$1" {redirection}', script, folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, f"error: standard output: {reason}. Everything else is complete.\n")
    assert {path.name for path in folder.iterdir()} >= FILES
