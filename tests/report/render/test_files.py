from fakes import Sweep

from prunesweep.report.compute.gather import gather
from prunesweep.report.render.files import write_report


def test_a_report_has_six_files_and_is_the_same_when_written_again(sweep: Sweep) -> None:
    folder = sweep(amounts=(0.5, 0.9))
    out = folder.parent / "new" / "out"
    paths = write_report(gather([folder]), out)
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
