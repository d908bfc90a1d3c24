import argparse
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from prunesweep import cli
from prunesweep.cli import main
from prunesweep.errors import UsageError
from prunesweep.export.formats import FORMATS
from prunesweep.process import CONTINUE
from prunesweep.results.result import write_failed
from prunesweep.store.entries import entry_path
from prunesweep.store.store import Store

VERBS = ("run", "report", "compare", "confirm", "reproduce", "export", "evaluate", "store")


def test_the_installed_command_lists_its_verbs() -> None:
    command = Path(sys.executable).parent / "prunesweep"
    done = subprocess.run([command, "--help"], capture_output=True, text=True, check=True)
    assert re.findall(r"^    (\w+)", done.stdout, flags=re.MULTILINE) == list(VERBS)


@pytest.mark.parametrize("verb", VERBS[1:])
def test_the_help_of_a_verb_shows_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([verb, "--help"])
    assert f"example: prunesweep {verb} " in capsys.readouterr().out


def test_the_help_of_export_names_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["export", "--help"])
    printed = capsys.readouterr().out
    assert all(form in printed for form in FORMATS)


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

    monkeypatch.setattr(cli, "_report", interrupt)
    monkeypatch.setattr(cli, "Interrupts", lambda: SimpleNamespace(received=None, release=int, check=int, hold=int))
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


def test_report_prints_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "0" / ".hydra").mkdir(parents=True)
    write_failed(tmp_path / "0", ["seed=1"], ValueError("why"))
    assert main(["report", str(tmp_path)]) == 0
    assert "run 0 failed (seed=1): why" in capsys.readouterr().out
    assert (tmp_path / "results.csv").exists()


def test_report_refuses_a_folder_without_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == 1
    assert "does not contain a run" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_several_sweeps_make_one_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        (tmp_path / name / "0" / ".hydra").mkdir(parents=True)
        write_failed(tmp_path / name / "0", [], ValueError("why"))
    assert main(["report", "a", "b"]) == 0
    assert (tmp_path / "report" / "report.html").exists()
    assert "run b/0 failed: why" in capsys.readouterr().out
    assert main(["report", "a", "b", "--out", "here"]) == 0
    assert (tmp_path / "here" / "frontier.png").exists()
    (tmp_path / "file").write_text("")
    assert main(["report", "a", "--out", "file"]) == 1
    assert "--out=file: is a file" in capsys.readouterr().err


def test_store_is_shown_checked_shrunk_and_cleared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, digest = Store(tmp_path), "ab" + "0" * 62
    step = {"step": "Init", "model": {"name": "lenet5"}, "seed": 0}
    arguments = ["store", "--dir", str(tmp_path)]
    store.save(digest, "", step, {"weights/x": torch.zeros(1_000)}, {"steps": []})
    assert main(arguments) == 0
    assert "1 entries" in capsys.readouterr().out
    assert main([*arguments, "--verify"]) == 0
    assert "1 entries, 0 damaged" in capsys.readouterr().out
    entry_path(tmp_path, digest, ".safetensors").write_bytes(b"")
    assert main([*arguments, "--verify"]) == 1
    assert "1 entries, 1 damaged, set aside" in capsys.readouterr().out
    store.save(digest, "", step, {"weights/x": torch.zeros(1_000)}, {"steps": []})
    assert main([*arguments, "--prune", "1kB"]) == 0
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "freed" in printed
    assert "0 entries" in printed
    store.save(digest, "", step, {"weights/x": torch.zeros(1_000)}, {"steps": []})
    assert main([*arguments, "--clear"]) == 0
    assert " kB freed" in capsys.readouterr().out
    assert main(arguments) == 0
    assert "0 entries" in capsys.readouterr().out


def test_a_read_only_folder_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.open", lambda *_, **__: (_ for _ in ()).throw(OSError(30, "Read-only file system")))
    assert main(["store", "--dir", str(tmp_path), "--clear"]) == 1
    assert capsys.readouterr().err == "prunesweep: [Errno 30] Read-only file system\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--dir", "/absent"], "/absent: does not exist"), (["--dir", ".", "--prune", "much"], "much: must be a size")],
)
def test_bad_options_of_store_are_reported(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["store", *arguments]) == 1
    assert message in capsys.readouterr().err
