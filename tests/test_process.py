import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from prunesweep.errors import UsageError, fatal
from prunesweep.process import Interrupts, Output, exit_with_message

ADVICE = "To continue, run:"


pytestmark = pytest.mark.usefixtures("restored_signals")


def test_an_error_prints_one_message_and_exits(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="1"), exit_with_message(Interrupts(), ADVICE):
        raise UsageError("a=1: must be \x1b 2.")
    assert capsys.readouterr().err == "error: a=1: must be \\x1b 2.\n"


def test_a_fatal_error_is_printed_as_its_cause(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="1"), exit_with_message(Interrupts(), ADVICE), fatal():
        raise UsageError("a=1: must be 2.")
    assert capsys.readouterr().err == "error: a=1: must be 2.\n"


def test_a_command_that_completes_exits_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"), exit_with_message(Interrupts(), ADVICE):
        pass
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("code", "expected", "message"), [(None, 0, ""), (2, 2, ""), ("why", 1, "why\n")])
def test_an_exit_keeps_its_code(
    code: str | int | None, expected: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_, exit_with_message(Interrupts(), ADVICE):
        sys.exit(code)
    assert (exit_.value.code, capsys.readouterr().err) == (expected, message)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_an_interrupt_prints_the_command_that_continues(
    number: signal.Signals, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["run.py", "-m", "layers.include=[conv1, fc1]"])
    monkeypatch.setattr("sys.executable", "/usr/bin/python3")

    def sweep() -> None:
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt as interrupt:
            interrupt.args = ("hydra.sweep.dir=there",)
            raise

    with pytest.raises(SystemExit) as exit_, exit_with_message(Interrupts(), ADVICE):
        sweep()
    assert exit_.value.code == code
    command = "python3 run.py -m 'layers.include=[conv1, fc1]' hydra.sweep.dir=there"
    assert capsys.readouterr().err == f"interrupted. To continue, run:\n  {command}\n"


def test_an_installed_command_is_printed_by_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["/somewhere/bin/prunesweep", "confirm", "DIR"])
    with pytest.raises(SystemExit, match="130"), exit_with_message(Interrupts(), ADVICE):
        raise KeyboardInterrupt
    assert capsys.readouterr().err.endswith("  prunesweep confirm DIR\n")


def test_the_traceback_is_shown_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    for block in (exit_with_message(Interrupts(), ADVICE), fatal()):
        with pytest.raises(ZeroDivisionError), exit_with_message(Interrupts(), ADVICE), block:
            _ = 1 / 0


def test_a_working_directory_that_was_removed_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(SystemExit, match="1"), exit_with_message(Interrupts(), ADVICE):
        pass
    assert capsys.readouterr().err.startswith("error: the working directory cannot be used (No such file")


def test_a_stream_keeps_its_error(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    output = Output(writer, "<stdout>")
    assert output.write(b"seen") == 4
    assert os.read(reader, 10) == b"seen"
    os.close(reader)
    assert output.write(b"lost") == 4
    assert isinstance(output.error, BrokenPipeError)
    assert output.fileno() == writer
    os.close(writer)
    assert output.write(b"lost") == 4
    assert isinstance(output.error, BrokenPipeError), "the first error"


def test_a_command_ends_after_the_last_functions_of_libraries_and_deletes_no_modules(tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(
        "from prunesweep.process import Interrupts, exit_with_message\n"
        "interrupts = Interrupts()\n"
        "import atexit\n"
        "class Kept:\n"
        "    def __del__(self): print('deleted')\n"
        "kept = Kept()\n"
        "atexit.register(print, 'last', end='')\n"
        "with exit_with_message(interrupts, ''):\n"
        "    raise SystemExit(3)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, "last", "")
