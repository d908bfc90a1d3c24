import subprocess
import sys
from pathlib import Path

import pytest

from prunesweep.cli import main
from prunesweep.results import write_failed


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
