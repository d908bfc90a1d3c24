"""The line that ends a run and the table that ends a sweep."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from prunesweep.errors import UsageError, printable
from prunesweep.report.compute.gather import gather, short_path
from prunesweep.report.compute.groups import duplicates
from prunesweep.report.render.files import write_report
from prunesweep.results.result import Result
from prunesweep.results.run_directory import RunDirectory

WIDTH_OF_LOG = 160
MAX_ROWS = 200
MAX_NAMES = 10
"""How many collapsed runs are named below the table."""
COLUMNS = ("amount", "sparsity", "parameters", "reduction", "dense", "pruned", "final", "seconds")


def console() -> Console:
    """Return a console on standard output. If that is not a terminal, lines may be 160 characters wide."""
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=WIDTH_OF_LOG)


def plain(value: object) -> Text:
    """Return `value` for `console`, without markup and escape sequences. It may come from other people's files."""
    return Text(printable(value))


def percent(fraction: float, digits: int = 2) -> str:
    """Format a fraction as a percentage: 0.98765 becomes `98.77 %`."""
    return f"{100 * fraction:.{digits}f} %"


def cut(fraction: float, digits: int = 2) -> str:
    """Format a reduction as a negative percentage: 0.1992 becomes `-19.92 %`, and 0 becomes `0.00 %`."""
    return percent(0.0 - fraction, digits)


def line(result: Result, folder: Path) -> str:
    """Describe a completed run in one line: what was pruned, the accuracies, the time, and the directory."""
    cached = f", {result.steps_cached} of {result.steps_total} steps from the store" if result.steps_cached else ""
    return (
        f"{result.model} on {result.dataset}, seed {result.seed}: "
        f"pruned {result.params_pruned:,} of {result.params_selected:,} selected ({percent(result.sparsity)}), "
        f"parameters {result.params_total:,} -> {result.params_nonzero:,} ({cut(result.param_reduction)}); "
        f"{_given(result)}test accuracy dense {percent(result.dense['test_accuracy'])}, "
        f"pruned {percent(result.pruned['test_accuracy'])}, final {percent(result.final['test_accuracy'])}; "
        f"{result.seconds:.1f} s{cached} -> {printable(short_path(folder))}"
        + (f"; COLLAPSED: {result.collapsed}" if result.collapsed else "")
    )


def _given(result: Result) -> str:
    """Return how images are prepared for given weights. If it is not as in their training, all accuracies are low."""
    if result.weights is None:
        return ""
    scale, mean, std = (result.normalization[key] for key in ("scale", "mean", "std"))
    return f"weights given, pixels scaled by {scale}, mean {_numbers(mean)}, std {_numbers(std)}; "


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:g}" for value in values)


def log_result(result: Result, folder: Path) -> None:
    """Log the line of a completed run, which Hydra prints and writes to the log file of the run.

    A warning follows if given weights are hardly better than a guess.
    """
    logger = logging.getLogger("prunesweep")
    logger.info(line(result, folder))
    chance, accuracy = 1 / len(result.classes), result.dense["val_accuracy"]
    if result.weights is not None and accuracy < chance + (1 - chance) / 10:
        logger.warning(
            f"The given weights have a validation accuracy of {percent(accuracy)}, and a guess has {percent(chance)}. "
            "Usually, images are prepared in another way than in their training: compare dataset.scale, dataset.mean "
            "and dataset.std. Or the classes are in another order."
        )


@dataclass(frozen=True)
class Summary:
    """The table of a sweep as text.

    Attributes:
        columns: The headings.
        rows: The cells of each completed run.
        failures: One line per run without a result.
        verdict: How many runs completed.
    """

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    failures: list[str]
    verdict: str


def summarize(runs: Sequence[RunDirectory], not_started: int = 0) -> Summary:
    """Return the table of a sweep. If its runs differ in more than the amount, a column shows the other settings.

    Args:
        runs: The runs with a directory.
        not_started: The number of the others.
    """
    completed = [run for run in runs if run.completed]
    failed = [run for run in runs if not run.completed]
    labels = _labels(completed)
    columns = ("run", *(("settings",) if any(labels) else ()), *COLUMNS)
    rows = [
        (run.name, *((label,) if any(labels) else ()), *_figures(run.result))
        for run, label in zip(completed, labels, strict=True)
    ]
    failures = [f"run {run.name} {run.status}{_overrides(run)}: {run.error}" for run in failed]
    return Summary(columns, rows, failures, _verdict(completed, failed, not_started))


def _verdict(completed: Sequence[RunDirectory], failed: Sequence[RunDirectory], not_started: int) -> str:
    repeated = len(duplicates(completed))
    collapsed = [run.name for run in completed if run.result.get("collapsed")]
    return (
        f"{len(completed)} of {len(completed) + len(failed) + not_started} runs completed"
        + (f", {len(failed)} did not" if failed else "")
        + (f", {not_started} not started" if not_started else "")
        + (f"; duplicates of other runs, counted once: {repeated}" if repeated else "")
        + (f"; COLLAPSED: {len(collapsed)} ({' '.join(collapsed[:MAX_NAMES])})" if collapsed else "")
    )


def _overrides(run: RunDirectory) -> str:
    return f" ({' '.join(run.overrides)})" if run.overrides else ""


def _labels(runs: Sequence[RunDirectory]) -> list[str]:
    """Return the overrides of each run, without the amount and without those that all runs share."""
    overrides = [[text for text in run.overrides if not text.startswith("prune.amount=")] for run in runs]
    shared = set.intersection(*map(set, overrides)) if overrides else set()
    return [" ".join(text for text in texts if text not in shared) for texts in overrides]


def _figures(result: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"{result['amount']:g}",
        percent(result["sparsity"]),
        f"{result['params_total']:,} -> {result['params_nonzero']:,}",
        cut(result["param_reduction"]),
        *(percent(result[point]["test_accuracy"]) for point in ("dense", "pruned")),
        percent(result["final"]["test_accuracy"]) + (" COLLAPSED" if result.get("collapsed") else ""),
        f"{result['seconds']:.1f}",
    )


def conclude(sweeps: Sequence[Path], folder: Path) -> Summary:
    """Write the report of the sweep directories `sweeps` into `folder`, then print their table and the written files.

    Raises:
        UsageError: The report cannot be written. The table has been printed.
    """
    runs = gather(sweeps)
    summary = summarize(runs.all, runs.not_started)
    try:
        paths = write_report(runs, folder)
    except OSError as error:
        command = shlex.join(["prunesweep", "report", *map(str, map(short_path, sweeps))])
        raise UsageError(
            f"{short_path(folder)}: the report cannot be written ({error.strerror or error}). The results of the runs "
            f"are complete. To write the report later, run: {command}"
        ) from error
    finally:
        show(summary)
    for path in paths:
        console().print(plain(short_path(path)), soft_wrap=True)
    return summary


def show(summary: Summary) -> None:
    """Print the table, the verdict and the failures. Long lists are shortened."""
    out = console()
    caption = f"{summary.verdict}. Columns dense, pruned, final: test accuracy."
    table = Table(caption=caption, caption_justify="left")
    for column in summary.columns:
        is_text = column in ("run", "settings")
        table.add_column(column, justify="left" if is_text else "right", no_wrap=column != "settings")
    for row in summary.rows[:MAX_ROWS]:
        table.add_row(*map(plain, row))
    out.print(table if summary.rows else plain(summary.verdict))
    if len(summary.rows) > MAX_ROWS:
        out.print(plain(f"Only the first {MAX_ROWS} of {len(summary.rows):,} runs are shown. results.csv has all."))
    for failure in summary.failures[:MAX_ROWS]:
        out.print(plain(failure), soft_wrap=True)
    if len(summary.failures) > MAX_ROWS:
        out.print(plain(f"Only the first {MAX_ROWS} of {len(summary.failures):,} failures are shown."))
