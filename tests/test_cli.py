import subprocess
import sys
from pathlib import Path

import pytest
import torch

from prunesweep.cli import main
from prunesweep.results.result import write_failed
from prunesweep.store.store import Store


def test_the_installed_command_lists_its_verbs() -> None:
    command = Path(sys.executable).parent / "prunesweep"
    done = subprocess.run([command, "--help"], capture_output=True, text=True, check=True)
    assert "report" in done.stdout


def test_report_prints_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "0" / ".hydra").mkdir(parents=True)
    write_failed(tmp_path / "0", ["seed=1"], ValueError("why"))
    assert main(["report", str(tmp_path)]) == 0
    assert "run 0 failed (seed=1): why" in capsys.readouterr().out
    assert (tmp_path / "results.csv").exists()


def test_report_refuses_a_folder_without_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == 1
    assert "holds no run" in capsys.readouterr().err
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
    assert "file: is a file" in capsys.readouterr().err


def test_store_tells_checks_and_shrinks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path)
    step = {"step": "Init", "model": {"name": "lenet5"}, "seed": 0}
    store.save("ab" + "0" * 62, "", step, {"weights/x": torch.zeros(1_000)}, {"steps": []})
    assert main(["store", "--dir", str(tmp_path)]) == 0
    assert "1 entries" in capsys.readouterr().out
    assert main(["store", "--dir", str(tmp_path), "--verify"]) == 0
    assert "1 entries, 0 damaged" in capsys.readouterr().out
    store._path("ab" + "0" * 62, ".safetensors").write_bytes(b"")
    assert main(["store", "--dir", str(tmp_path), "--verify"]) == 1
    assert "1 entries, 1 damaged, set aside" in capsys.readouterr().out
    store.save("ab" + "0" * 62, "", step, {"weights/x": torch.zeros(1_000)}, {"steps": []})
    assert main(["store", "--dir", str(tmp_path), "--prune", "1kB"]) == 0
    out = capsys.readouterr().out
    assert "freed" in out
    assert "0 entries" in out
    assert main(["store", "--dir", str(tmp_path), "--clear"]) == 0


def test_a_folder_that_cannot_be_written_to_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.open", lambda *_, **__: (_ for _ in ()).throw(OSError(30, "Read-only file system")))
    assert main(["store", "--dir", str(tmp_path), "--clear"]) == 1
    assert capsys.readouterr().err == "prunesweep: [Errno 30] Read-only file system\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--dir", "/absent"], "/absent: there is no store"), (["--dir", ".", "--prune", "much"], "much: must be a size")],
)
def test_store_refuses(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", *arguments]) == 1
    assert message in capsys.readouterr().err
