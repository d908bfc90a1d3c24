"""A progress bar over the steps of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from prunesweep.chain.execution import OnStep
from prunesweep.chain.steps import Record, Step
from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.results.text import percent


@contextmanager
def progress(total: int) -> Iterator[OnStep]:
    """Show a progress bar over `total` steps on standard error if it is a terminal; yield the callback after a step."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=total)

        def on_step(position: int, step: Step, record: Record) -> None:
            bar.update(task, completed=position + 1, description=describe(step, record))

        yield on_step


def describe(step: Step, record: Record) -> str:
    """Return one line about a finished step."""
    if isinstance(step, TrainEpoch):
        return f"epoch {record['epoch']}  loss {record['train_loss']:.4f}  validation {percent(record['val_accuracy'])}"
    return step.summary()
