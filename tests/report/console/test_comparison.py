from pathlib import Path

import pytest
from fakes import Scores, fake_methods

from prunesweep.report.compute.comparison import Comparison, compare
from prunesweep.report.compute.gather import gather
from prunesweep.report.console import comparison as shown
from prunesweep.report.console.comparison import show_comparison, write_comparison

SCORES: Scores = {
    "l1": {0.5: [0.92, 0.93, 0.91], 0.9: [0.82, 0.83, 0.81]},
    "random": {0.5: [0.92, 0.92, 0.92], 0.9: [0.42, 0.43, 0.42]},
}


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    return compare(gather([fake_methods(tmp_path / "sweep", SCORES)]), "prune")


@pytest.mark.parametrize(("width", "has_accuracies"), [(80, False), (120, True)])
def test_the_table_fits_the_terminal_and_ends_with_the_verdict(
    width: int,
    has_accuracies: bool,
    comparison: Comparison,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from rich.console import Console

    monkeypatch.setattr(shown, "console", lambda: Console(width=width))
    show_comparison(comparison)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    assert lines[0] == "Comparison by prune: l1, random"
    assert any("l1 %" in line for line in lines) is has_accuracies
    assert any(line.split()[:3] == ["0.9", "random", "+39.67"] for line in lines) is not has_accuracies
    assert "…" not in "".join(lines), "no figure is cut"
    assert "l1 against random: better at 0.9" in "\n".join(lines[-4:])


def test_files_are_written_in_the_format_of_their_names(
    comparison: Comparison, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / "new" / f"table{suffix}" for suffix in (".csv", ".md", ".tex")]
    write_comparison(comparison, paths)
    assert [path.read_text()[:6] for path in paths] == ["figure", "- l1 a", "% Comp"]
    assert capsys.readouterr().out.splitlines() == [str(path) for path in paths]
