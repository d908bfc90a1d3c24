import io

import pytest

from prunesweep.experiment.progress import Completed
from prunesweep.experiment.sweep import Progress
from prunesweep.report.console import sweep
from prunesweep.report.console.sweep import LOG_EVERY, SweepDisplay, line, short

HALF = Progress(36, 10, 331, 140, 130.0, Completed(0.973, 0.972, 0.8))


def test_progress_in_words() -> None:
    assert line(HALF) == (
        "10 of 36 runs, 140 of 331 epochs, 2 min 10 s left, "
        "best within 0.5 points of dense: -80.00 % parameters at validation accuracy 97.20 %"
    )
    assert line(Progress(1, 0, 0, 0, None, None)) == "0 of 1 run"
    assert short(HALF) == "140/331 epochs  2 min 10 s left  best -80.0 % at 97.2 %"
    assert short(Progress(1, 0, 0, 0, 0.2, None)) == "< 1 s left"


def test_a_log_has_a_line_from_time_to_time(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    with SweepDisplay(lambda: now) as display:
        display.show(HALF)
        assert capsys.readouterr().out == ""
        now = LOG_EVERY
        display.show(HALF)
        display.show(HALF)
        display.print("a run\n")
        now = 3 * LOG_EVERY
        display.show(Progress(36, 36, 331, 331, 0.0, None))
    assert capsys.readouterr() == (line(HALF) + "\na run\n", "")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_terminal_has_one_bar_and_the_lines_of_runs_go_where_output_goes(
    is_terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, err = Terminal() if is_terminal else io.StringIO(), Terminal()
    monkeypatch.setattr(sweep.sys, "stdout", out)
    monkeypatch.setattr(sweep.sys, "stderr", err)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    with SweepDisplay() as display:
        display.show(HALF)
        display.print("run [0]\n")
        display._bar.refresh()
    assert "10/36 runs" in err.getvalue()
    assert "140/331 epochs  2 min 10 s left" in err.getvalue()
    assert ("run [0]" in err.getvalue()) == is_terminal
    assert out.getvalue() == ("" if is_terminal else "run [0]\n")
