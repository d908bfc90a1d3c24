"""Signals at any moment: none is lost, none damages an import, and each ends with the command that continues."""

import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from support import ROOT

from prunesweep import process
from prunesweep.errors import UsageError
from prunesweep.process import Interrupts, exit_with_message

pytestmark = pytest.mark.usefixtures("restored_signals")


def test_a_signal_before_the_command_begins_is_held_back(capsys: pytest.CaptureFixture[str]) -> None:
    interrupts, began = Interrupts(), False
    signal.raise_signal(signal.SIGTERM)
    with pytest.raises(SystemExit, match="143"), exit_with_message(interrupts, "To continue, run:"):
        began = True
    assert not began
    assert capsys.readouterr().err.startswith("interrupted. To continue, run:\n")


def test_a_signal_during_an_import_is_raised_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_library.py").write_text(
        "import signal\n"
        "try:\n    signal.raise_signal(signal.SIGINT)\nexcept BaseException:\n    complete = False\n"
        "else:\n    complete = True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    interrupts = Interrupts()
    interrupts.release()
    library = importlib.import_module("slow_library")
    started, limit = time.monotonic(), 30
    with pytest.raises(KeyboardInterrupt):
        threading.Event().wait(limit)
    assert time.monotonic() - started < limit, "the signal ends the wait"
    assert library.complete


def test_an_interrupt_that_a_library_suppresses_ends_the_command_later() -> None:
    with pytest.raises(SystemExit, match="130"), exit_with_message(Interrupts(), ""), suppress(BaseException):
        signal.raise_signal(signal.SIGINT)


def test_an_interrupt_that_a_library_replaces_is_still_an_interrupt(capsys: pytest.CaptureFixture[str]) -> None:
    def library() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise UsageError("x") from None

    with pytest.raises(SystemExit, match="130"), exit_with_message(Interrupts(), "To continue, run:"):
        library()
    assert [line.partition(".")[0] for line in capsys.readouterr().err.splitlines()[:2]] == ["error: x", "interrupted"]


def test_two_signals_at_once_keep_the_arguments_of_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    def sweep() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt as interrupt:
            interrupt.args = ("hydra.sweep.dir=there",)
            signal.raise_signal(signal.SIGTERM)  # while the report is written

    with pytest.raises(SystemExit, match="130"), exit_with_message(Interrupts(), "To continue, run:"):
        sweep()
    assert capsys.readouterr().err.endswith(" hydra.sweep.dir=there\n")


def test_a_signal_after_the_last_message_ends_the_process_with_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    monkeypatch.setattr(process, "_command_line", lambda _: "")
    with pytest.raises(SystemExit), exit_with_message(Interrupts(), ""):
        raise UsageError("x")
    signal.raise_signal(signal.SIGTERM)
    assert codes == [1]


def test_a_signal_that_the_parent_process_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nohup
    Interrupts().release()
    signal.raise_signal(signal.SIGHUP)


HOOK = """
import os, signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["AT"]:
            os.kill(os.getpid(), getattr(signal, os.environ["SIGNAL"]))
sys.meta_path.insert(0, Interrupting())
"""


@pytest.mark.parametrize(("module", "number"), [("omegaconf", "SIGTERM"), ("numpy._core.multiarray", "SIGINT")])
def test_a_signal_during_a_heavy_import_ends_with_the_command(module: str, number: str, tmp_path: Path) -> None:
    (tmp_path / "usercustomize.py").write_text(HOOK)
    (tmp_path / "sitecustomize.py").write_text(HOOK)
    sweep = ("-m", "threads=1", "device=cpu", "train.epochs=0", "finetune.epochs=0", "prune.amount=0.1,0.2")
    command = [sys.executable, str(ROOT / "run.py"), *sweep, "store.enabled=false", "hydra.sweep.dir=sweep"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "AT": module, "SIGNAL": number}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 128 + getattr(signal, number), done.stderr
    assert "interrupted. Every finished step is stored. To continue, run:" in done.stderr
    assert "Traceback" not in done.stderr
    assert "failed" not in done.stdout
    assert list(tmp_path.glob("sweep/*/result.json")) == []
