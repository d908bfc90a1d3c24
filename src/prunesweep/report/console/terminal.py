"""What a person sees on the terminal: a progress bar, a line for each run, a table for a sweep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from prunesweep.chain.execution import OnStep
from prunesweep.chain.steps import Record, Step
from prunesweep.report.compute.gather import gather, near
from prunesweep.report.render.files import write_report
from prunesweep.results.result import Result
from prunesweep.results.run_directory import RunDirectory

WIDE = 160
MOST_ROWS = 200


def console() -> Console:
    """Standard output: as wide as the terminal, or wide enough for a log."""
    found = Console()
    return found if found.is_terminal else Console(width=WIDE)


@contextmanager
def progress(total: int) -> Iterator[OnStep]:
    """A bar over the steps of a run, on a terminal; nothing at all in a log."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=total)

        def on_step(position: int, step: Step, record: Record) -> None:
            bar.update(task, completed=position + 1, description=_told(step, record))

        yield on_step


def _told(step: Step, record: Record) -> str:
    if "epoch" in record:
        return f"epoch {record['epoch']}  loss {record['train_loss']:.4f}  validation {percent(record['val_accuracy'])}"
    return type(step).__name__.lower()


def percent(fraction: float, digits: int = 2) -> str:
    """0.98765 -> `98.77 %`."""
    return f"{100 * fraction:.{digits}f} %"


def cut(fraction: float) -> str:
    """0.1992 -> `-19.92 %`; nothing is `0.00 %`."""
    return percent(0.0 - fraction)


def line(result: Result, folder: Path) -> str:
    """A completed run in one line: what was cut, of how many, what it cost, and where it lies."""
    cached = f", {result.steps_cached} of {result.steps_total} steps stored" if result.steps_cached else ""
    return (
        f"{result.model} on {result.dataset}, seed {result.seed}: "
        f"pruned {result.params_pruned:,} of {result.params_selected:,} selected ({percent(result.sparsity)}), "
        f"parameters {result.params_total:,} -> {result.params_nonzero:,} ({cut(result.param_reduction)}); "
        f"test accuracy dense {percent(result.dense['test_accuracy'])}, "
        f"pruned {percent(result.pruned['test_accuracy'])}, final {percent(result.final['test_accuracy'])}; "
        f"{result.seconds:.1f} s{cached} -> {near(folder)}"
    )


@dataclass(frozen=True)
class Summary:
    """A sweep as plain text: the rows of its table, its failures, its verdict."""

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    failures: list[str]
    verdict: str


COLUMNS = ("amount", "sparsity", "parameters", "reduction", "dense", "pruned", "final", "seconds")


def summarize(jobs: Sequence[RunDirectory]) -> Summary:
    """The table of a sweep; what its jobs were told apart by stands in front, unless it is the amount alone."""
    done = [job for job in jobs if job.status == "completed"]
    lost = [job for job in jobs if job.status != "completed"]
    labels = _labels(done)
    columns = ("run", *(("settings",) if any(labels) else ()), *COLUMNS)
    rows = [
        (job.name, *((label,) if any(labels) else ()), *_row(job.result))
        for job, label in zip(done, labels, strict=True)
    ]
    failures = [f"run {job.name} {job.status}{_given(job)}: {job.result.get('error')}" for job in lost]
    verdict = f"{len(done)} of {len(jobs)} runs completed" + (f", {len(lost)} did not" if lost else "")
    return Summary(columns, rows, failures, verdict)


def _given(job: RunDirectory) -> str:
    overrides = " ".join(job.result.get("overrides", []))
    return f" ({overrides})" if overrides else ""


def _labels(jobs: Sequence[RunDirectory]) -> list[str]:
    """The overrides of each job, without the amount and without what all jobs share."""
    settings = [[text for text in job.result["overrides"] if not text.startswith("prune.amount=")] for job in jobs]
    shared = set.intersection(*map(set, settings)) if settings else set()
    return [" ".join(text for text in own if text not in shared) for own in settings]


def _row(fields: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"{fields['amount']:g}",
        percent(fields["sparsity"]),
        f"{fields['params_total']:,} -> {fields['params_nonzero']:,}",
        cut(fields["param_reduction"]),
        *(percent(fields[point]["test_accuracy"]) for point in ("dense", "pruned", "final")),
        f"{fields['seconds']:.1f}",
    )


def conclude(sweeps: Sequence[Path], folder: Path) -> Summary:
    """Print the table of the sweep directories `sweeps`, write their report into `folder`, and return the summary."""

    runs = gather(sweeps)
    summary = summarize(runs.jobs)
    show(summary)
    for path in write_report(runs, folder):
        console().print(Text(str(near(path))), soft_wrap=True)
    return summary


def show(summary: Summary) -> None:
    """Print the table, what failed, and the verdict."""
    out = console()
    shown = Table(caption=f"{summary.verdict}. dense, pruned, final: test accuracy.", caption_justify="left")
    for column in summary.columns:
        shown.add_column(
            column, justify="left" if column in ("run", "settings") else "right", no_wrap=column != "settings"
        )
    for row in summary.rows[:MOST_ROWS]:
        shown.add_row(*map(Text, row))
    out.print(shown if summary.rows else Text(summary.verdict))
    if len(summary.rows) > MOST_ROWS:
        out.print(Text(f"the first {MOST_ROWS} runs; results.csv and report.html hold all {len(summary.rows):,}"))
    for failure in summary.failures[:MOST_ROWS]:
        out.print(Text(failure), soft_wrap=True)
