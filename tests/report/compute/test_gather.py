from pathlib import Path

import pytest
from fakes import Sweep, fake_fields, fake_run

from prunesweep.report.compute.gather import gather


def test_names_of_several_sweeps_begin_with_the_directory(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    one, two = sweep("one", (0.5,), (0,)), sweep("two", (0.5,), (0, 1))
    assert [run.name for run in gather([two]).completed] == ["0", "1"]
    both = gather([one, two])
    assert [run.name for run in both.completed] == ["one/0", "two/0", "two/1"]
    assert [run.folder for run in both.completed] == [one / "0", two / "0", two / "1"]
    assert both.sweeps == ("one", "two")


def test_completed_and_failed_runs(tmp_path: Path) -> None:
    fake_run(tmp_path / "0", fake_fields(0.5, 0))
    fake_run(tmp_path / "1", {**fake_fields(0.5, 1), "schema_version": 0})
    fake_run(tmp_path / "2", {**fake_fields(0.5, 2), "status": "failed", "error": "diverged"})
    fake_run(tmp_path / "3", fake_fields(0.5, 3))
    (tmp_path / "3" / "result.json").unlink()
    runs = gather([tmp_path])
    assert len(runs.all) == 4
    assert [run.name for run in runs.completed] == ["0"]
    assert [(run.name, run.status) for run in runs.failed] == [
        ("1", "unreadable"),
        ("2", "failed"),
        ("3", "unfinished"),
    ]
