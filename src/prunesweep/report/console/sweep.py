"""One progress bar for a whole sweep, on a terminal. In a log, a line from time to time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, redirect_stderr, redirect_stdout

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from prunesweep.errors import printable
from prunesweep.experiment.sweep import Progress
from prunesweep.process import Lines
from prunesweep.report.console.text import plain
from prunesweep.results.text import counted, cut, duration, percent

LOG_EVERY = 30.0
"""Seconds between two lines in a log."""
MIN_BAR = 10
"""Columns of a terminal that remain for the bar itself."""
MARGIN = 6
"""Columns that remain free: between the parts, and at the end, where the terminal writes `^C`."""


class SweepDisplay:
    """Shows how far a sweep is, and prints what its runs print above the bar. Used in a `with` statement.

    Inside the `with` statement, everything that is printed on the terminal appears above the bar.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = sys.stdout
        self._clock = clock
        self._next = clock() + LOG_EVERY
        # The thread that draws the bar needs the real stream. Runs in this process redirect sys.stderr.
        console = Console(file=sys.stderr)
        self._column = BarColumn()
        self._bar = Bar(
            TextColumn("{task.description}"),
            self._column,
            TextColumn("{task.fields[state]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._bar.add_task("starting", total=None, state="")
        self._above = Lines(self._print_above)
        self._redirections = ExitStack()

    def __enter__(self) -> SweepDisplay:
        if not self._bar.disable:
            if self._out.isatty():
                self._redirections.enter_context(redirect_stdout(self._above))
            self._redirections.enter_context(redirect_stderr(self._above))
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._above.end()
        self._bar.stop()
        self._redirections.close()

    def show(self, progress: Progress) -> None:
        """Show how far the sweep is."""
        if not self._bar.disable:
            done, total = progress.trained + progress.ended, progress.epochs + progress.runs
            runs = f"{progress.ended:,}/{progress.runs:,} runs"
            width = self._bar.console.width - len(runs) - MARGIN
            state = short(progress, width - MIN_BAR)
            self._column.bar_width = max(MIN_BAR, width - len(state))
            self._bar.update(self._task, completed=done, total=total, description=runs, state=state)
        elif self._clock() >= self._next and progress.ended < progress.runs:
            self._next = self._clock() + LOG_EVERY
            self.print(line(progress) + "\n")

    def print(self, text: str) -> None:
        """Print the text of a run, without escape sequences."""
        if self._bar.disable or not self._out.isatty():
            self._out.write(printable(text, lines=True))
            self._out.flush()
        else:
            self._print_above(text)

    def _print_above(self, text: str) -> None:
        self._bar.console.print(plain(text.removesuffix("\n"), lines=True), overflow="fold")


def line(progress: Progress) -> str:
    """Describe how far a sweep is: runs, epochs, the time left, and the best network so far."""
    parts = [f"{progress.ended:,} of {counted(progress.runs, 'run')}"]
    if progress.epochs:
        parts.append(f"{progress.trained:,} of {counted(progress.epochs, 'epoch')}")
    if progress.left is not None:
        parts.append(f"{duration(progress.left)} left")
    if progress.best is not None:
        best = progress.best
        parts.append(
            f"best within 0.5 points of dense: {cut(best.param_reduction)} parameters at {percent(best.final)} "
            "validation accuracy"
        )
    return ", ".join(parts)


def short(progress: Progress, width: int) -> str:
    """Describe the same without the runs, in at most `width` characters. What does not fit is left out."""
    epochs = f"{progress.trained:,}/{progress.epochs:,} epochs" if progress.epochs else ""
    left = f"{duration(progress.left)} left".replace("less than", "<") if progress.left is not None else ""
    best = brief = ""
    if progress.best is not None:
        parameters, accuracy = cut(progress.best.param_reduction, 1), percent(progress.best.final, 1)
        best = f"best {parameters} parameters, validation {accuracy}"
        brief = f"best {parameters} at {accuracy}"
    for parts in ((epochs, left, best), (epochs, left, brief), (epochs, left), (left,)):
        text = "  ".join(filter(None, parts))
        if len(text) <= width:
            return text
    return ""
