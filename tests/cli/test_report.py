from pathlib import Path

import pytest

from prunesweep.cli import main
from prunesweep.results.result import write_failed


def test_report_prints_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "0" / ".hydra").mkdir(parents=True)
    write_failed(tmp_path / "0", ["seed=1"], ValueError("why"))
    assert main(["report", str(tmp_path)]) == 0
    assert "run 0 failed: why" in capsys.readouterr().out
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
    assert "runs a/0, b/0 failed: why" in capsys.readouterr().out
    assert main(["report", "a", "b", "--out", "here"]) == 0
    assert (tmp_path / "here" / "frontier.png").exists()
    (tmp_path / "file").write_text("")
    assert main(["report", "a", "--out", "file"]) == 1
    assert "--out=file: is a file" in capsys.readouterr().err
