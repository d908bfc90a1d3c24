import io
import re
import sys
import threading
from contextlib import redirect_stderr

import pytest

from prunesweep.experiment.progress import Completed
from prunesweep.experiment.sweep import Progress
from prunesweep.report.console.sweep import LOG_EVERY, SweepDisplay, line, short

HALF = Progress(36, 10, 331, 140, 130.0, Completed(("mnist5k", 0), 0.973, 0.972, 0.8, 12_341))


def test_progress_in_words() -> None:
    assert line(HALF) == (
        "10 of 36 runs, 140 of 331 epochs, 2 min 10 s left, "
        "best within 0.5 points of dense: -80.00 % parameters at 97.20 % validation accuracy"
    )
    assert line(Progress(1, 0, 0, 0, None, None)) == "0 of 1 run"
    assert short(Progress(1, 0, 0, 0, 0.2, None), 80) == "< 1 s left"


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (80, "140/331 epochs  2 min 10 s left  best -80.0 % parameters, validation 97.2 %"),
        (60, "140/331 epochs  2 min 10 s left  best -80.0 % at 97.2 %"),
        (40, "140/331 epochs  2 min 10 s left"),
        (20, "2 min 10 s left"),
        (10, ""),
    ],
)
def test_a_narrow_terminal_has_fewer_figures_but_whole_ones(width: int, text: str) -> None:
    assert short(HALF, width) == text


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


TO = pytest.mark.parametrize("out", [Terminal, io.StringIO], ids=["a terminal", "a file"])


def standard_error(out: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Replace standard output by `out`, and standard error by a terminal that is returned."""
    err = Terminal()
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", err)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    return err


@TO
def test_a_terminal_has_one_bar_and_the_lines_of_runs_go_where_output_goes(
    out: type[io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    stdout = out()
    err = standard_error(stdout, monkeypatch)
    with SweepDisplay() as display:
        display.show(HALF)
        display.print("run [0]\n\tloss \x1b[31m1\n")
        display._bar.refresh()
    assert "10/36 runs" in err.getvalue()
    assert "140/331 epochs  2 min 10 s left" in err.getvalue()
    drawn = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", err.getvalue())
    assert max(len(text.rstrip()) for text in re.split("[\r\n]", drawn)) <= 100 - len("^C"), "room for ^C"
    printed = err.getvalue() if stdout.isatty() else stdout.getvalue()
    assert "run [0]\n" in printed
    assert "loss \\x1b[31m1\n" in printed
    assert (stdout.getvalue() == "") == stdout.isatty()


@TO
def test_messages_of_this_process_are_printed_above_the_bar(
    out: type[io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    stdout = out()
    err = standard_error(stdout, monkeypatch)
    with SweepDisplay() as display:
        display.show(HALF)
        print("a message")
        print("a warning", file=sys.stderr)
    assert (sys.stdout, sys.stderr) == (stdout, err)
    assert "a warning\n" in err.getvalue()
    assert ("a message\n" in err.getvalue()) == stdout.isatty()
    assert stdout.getvalue() == ("" if stdout.isatty() else "a message\n")


def test_the_bar_is_drawn_on_the_terminal_while_a_run_in_this_process_redirects_its_output(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    err, redirected = standard_error(Terminal(), monkeypatch), io.StringIO()
    with SweepDisplay() as display, redirect_stderr(redirected):
        display.show(HALF)
        drawing = threading.Thread(target=display._bar.refresh)  # as the thread of the bar does
        drawing.start()
        drawing.join()
    assert redirected.getvalue() == ""
    assert "10/36 runs" in err.getvalue()
