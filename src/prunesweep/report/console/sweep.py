"""One progress bar for a whole sweep, on a terminal. In a log, a line from time to time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from prunesweep.experiment.sweep import Progress
from prunesweep.report.console.plan import counted, duration
from prunesweep.report.console.terminal import cut, percent, plain

LOG_EVERY = 30.0
"""Seconds between two lines in a log."""


class SweepDisplay:
    """Shows how far a sweep is, and prints what its runs print above the bar. Used in a `with` statement."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = sys.stdout  # runs in this process replace it
        self._clock = clock
        self._next = clock() + LOG_EVERY
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), TextColumn("{task.fields[state]}"))
        self._bar = Bar(
            *columns,
            console=console,
            transient=True,
            disable=not console.is_terminal,
            redirect_stdout=False,
            redirect_stderr=False,
            expand=True,
        )
        self._task = self._bar.add_task("", total=None, state="")

    def __enter__(self) -> SweepDisplay:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, progress: Progress) -> None:
        """Show how far the sweep is."""
        if not self._bar.disable:
            done, total = progress.trained + progress.ended, progress.epochs + progress.runs
            runs = f"{progress.ended:,}/{progress.runs:,} runs"
            self._bar.update(self._task, completed=done, total=total, description=runs, state=short(progress))
        elif self._clock() >= self._next and progress.ended < progress.runs:
            self._next = self._clock() + LOG_EVERY
            self.print(line(progress) + "\n")

    def print(self, text: str) -> None:
        """Print the text of a run."""
        if self._bar.disable or not self._out.isatty():
            self._out.write(text)
            self._out.flush()
        else:
            self._bar.console.print(plain(text), end="", soft_wrap=True)


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
            f"best within 0.5 points of dense: {cut(best.param_reduction)} parameters "
            f"at validation accuracy {percent(best.final)}"
        )
    return ", ".join(parts)


def short(progress: Progress) -> str:
    """Describe the same, without the runs, in at most 50 characters for a line of a terminal."""
    parts = []
    if progress.epochs:
        parts.append(f"{progress.trained:,}/{progress.epochs:,} epochs")
    if progress.left is not None:
        parts.append(f"{duration(progress.left)} left".replace("less than", "<"))
    if progress.best is not None:
        parts.append(f"best {cut(progress.best.param_reduction, 1)} at {percent(progress.best.final, 1)}")
    return "  ".join(parts)
