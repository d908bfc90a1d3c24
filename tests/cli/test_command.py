import argparse
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from prunesweep.cli import command, main, report
from prunesweep.errors import UsageError
from prunesweep.process import CONTINUE

VERBS = ("run", "report", "compare", "confirm", "reproduce", "export", "evaluate", "bench", "store")


def test_the_installed_command_lists_its_verbs() -> None:
    command = Path(sys.executable).parent / "prunesweep"
    done = subprocess.run([command, "--help"], capture_output=True, text=True, check=True)
    assert re.findall(r"^    (\w+)", done.stdout, flags=re.MULTILINE) == list(VERBS)


@pytest.mark.parametrize("verb", VERBS[1:])
def test_the_help_of_a_verb_shows_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([verb, "--help"])
    assert f"example: prunesweep {verb} " in capsys.readouterr().out


def test_the_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom prunesweep.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print({'torch', 'numpy', 'omegaconf', 'rich', 'yaml'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("set()\n")


def test_a_mistyped_verb_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reprot", "x"]) == 1
    assert capsys.readouterr().err == (
        f"prunesweep: VERB=reprot: must be one of {', '.join(VERBS)}. Did you mean 'report'?\n"
    )


def test_a_missing_verb_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "the following arguments are required: VERB" in capsys.readouterr().err


def test_an_interrupted_verb_prints_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "VERBS", [replace(report.VERB, execute=interrupt)])
    monkeypatch.setattr(command, "Interrupts", lambda: SimpleNamespace(received=None, release=int, check=int, hold=int))
    monkeypatch.setattr("atexit.register", lambda _: None)
    monkeypatch.setattr("sys.argv", ["bin/prunesweep", "report", "sweep"])
    with pytest.raises(SystemExit, match="130"):
        main()
    assert capsys.readouterr().err == "interrupted. To start again, run:\n  prunesweep report sweep\n"


ENDS = [
    (KeyboardInterrupt(), 130, f"interrupted. {CONTINUE}\n  prunesweep run -m seed=0,1\n"),
    (UsageError("no"), 1, "error: no\n"),
]


@pytest.mark.parametrize(("error", "code", "message"), ENDS)
def test_a_run_ends_with_the_messages_and_exit_codes_of_run_py(
    error: BaseException,
    code: int,
    message: str,
    restored_signals: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def command(arguments: list[str]) -> None:
        assert arguments == ["-m", "seed=0,1"]
        raise error

    monkeypatch.setattr("prunesweep.api.run.command", command)
    monkeypatch.setattr("sys.argv", ["bin/prunesweep", "run", "-m", "seed=0,1"])
    with pytest.raises(SystemExit, match=f"^{code}$"):
        main()
    assert capsys.readouterr().err == message


def test_the_shell_completes_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr("prunesweep.api.run.complete", called.extend)
    assert main(["-sc", "query=bash"]) == 0
    assert called == ["-sc", "query=bash"]


def test_python_starts_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "prunesweep", "report", "nowhere"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "does not contain a run" in done.stderr
