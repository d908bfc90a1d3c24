from pathlib import Path

from fakes import Sweep, fake_fields, fake_round, fake_run

from prunesweep.report.compute.gather import gather
from prunesweep.report.render.files import write_report


def test_a_report_has_six_files_and_is_the_same_when_written_again(sweep: Sweep) -> None:
    folder = sweep(amounts=(0.5, 0.9))
    out = folder.parent / "new" / "out"
    _, paths = write_report(gather([folder]), out)
    assert [path.name for path in paths] == [
        "results.csv",
        "frontier.csv",
        "frontier.png",
        "frontier.pdf",
        "frontier.svg",
        "report.html",
    ]
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert len(before) == 6
    write_report(gather([folder]), out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert before["results.csv"].count(b"\n") == 5


def test_rounds_and_failed_runs_have_tables_only_if_there_are_any(tmp_path: Path) -> None:
    fake_run(tmp_path / "0", fake_fields(0.9, 0, rounds=[fake_round(1, 0.5, 0)]))
    fake_run(tmp_path / "1", fake_fields(0.5, 0, status="failed", error="why"))
    _, paths = write_report(gather([tmp_path]), tmp_path)
    assert [path.name for path in paths[:3]] == ["results.csv", "rounds.csv", "failed.csv"]
    assert [path.read_text().count("\n") for path in paths[:3]] == [2, 3, 2]
    fake_run(tmp_path / "later" / "0", fake_fields(0.5, 0))
    write_report(gather([tmp_path / "later"]), tmp_path)
    assert not (tmp_path / "rounds.csv").exists()
    assert not (tmp_path / "failed.csv").exists()
