"""The table that ends a sweep."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import rich.table

from prunesweep.errors import UsageError
from prunesweep.report.compute.gather import gather
from prunesweep.report.compute.groups import duplicates
from prunesweep.report.compute.values import sentences
from prunesweep.report.console.table import TEXTS, Table, distinguishing, table
from prunesweep.report.console.text import console, plain, say
from prunesweep.report.render.files import write_report
from prunesweep.results.run_directory import RunDirectory, short_path

MAX_ROWS = 200
MAX_NAMES = 10
"""How many runs that failed for the same reason, or collapsed, are named."""
UNFINISHED = "unfinished"


@dataclass(frozen=True)
class Summary:
    """The end of a sweep as text.

    Attributes:
        table: The table of the completed runs.
        failures: One line for each reason why runs failed.
        verdict: How many runs completed.
    """

    table: Table
    failures: list[str]
    verdict: str


def summarize(runs: Sequence[RunDirectory], not_started: int = 0) -> Summary:
    """Return the summary of a sweep.

    Args:
        runs: The runs with a directory.
        not_started: The number of the others.
    """
    completed = [run for run in runs if run.completed]
    return Summary(table(completed), _failures(runs), _verdict(runs, len(duplicates(completed)), not_started))


def _failures(runs: Sequence[RunDirectory]) -> list[str]:
    """Return a line for each reason why runs have no result, with the settings that these runs have in common.

    A run that was interrupted is not a failure.
    """
    labels = distinguishing([run.overrides for run in runs])
    reasons: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, run in enumerate(runs):
        if not run.completed and run.status != UNFINISHED:
            reasons[run.status, run.error].append(number)
    lines = []
    for (status, error), numbers in reasons.items():
        common = [text for text in labels[numbers[0]].split() if all(text in labels[each].split() for each in numbers)]
        names = ", ".join(runs[each].name for each in numbers[:MAX_NAMES])
        more = f" and {len(numbers) - MAX_NAMES:,} more" if len(numbers) > MAX_NAMES else ""
        settings = f" ({' '.join(common)})" if common else ""
        lines.append(f"run{'s' if len(numbers) > 1 else ''} {names}{more} {status}{settings}: {error}")
    return lines


def _verdict(runs: Sequence[RunDirectory], repeated: int, not_started: int) -> str:
    completed = sum(run.completed for run in runs)
    unfinished = sum(run.status == UNFINISHED for run in runs)
    failed = len(runs) - completed - unfinished
    collapsed = [run.name for run in runs if run.completed and run.result.get("collapsed")]
    return (
        f"{completed:,} of {len(runs) + not_started:,} runs completed"
        + (f", {failed:,} failed" if failed else "")
        + (f", {unfinished:,} unfinished" if unfinished else "")
        + (f", {not_started:,} not started" if not_started else "")
        + (f"; duplicates of other runs, counted once: {repeated:,}" if repeated else "")
        + (f"; COLLAPSED: {len(collapsed):,} ({' '.join(collapsed[:MAX_NAMES])})" if collapsed else "")
    )


def conclude(sweeps: Sequence[Path], folder: Path) -> Summary:
    """Write the report of the directories `sweeps` into `folder`; print their table, the written files and the verdict.

    Raises:
        UsageError: The report cannot be written. The table has been printed.
    """
    runs = gather(sweeps)
    summary = summarize(runs.all, runs.not_started)
    try:
        values, paths = write_report(runs, folder)
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
    for sentence in sentences(values):
        say(sentence)
    return summary


def show(summary: Summary) -> None:
    """Print the table, the failures and the verdict. Long lists are shortened."""
    out, found = console(), summary.table
    if found.rows:
        columns = found.columns(out.width)
        found = found.fitted(columns, out.width)
        out.width = max(out.width, found.least_width(columns))  # a terminal breaks lines that are too long for it
        drawn = rich.table.Table()
        for column in columns:
            justify: Literal["left", "right"] = "left" if column in TEXTS else "right"
            drawn.add_column(column, justify=justify, no_wrap=column != "settings")
        for row in found.rows[:MAX_ROWS]:
            drawn.add_row(*(plain(row[column], lines=column == "settings") for column in columns))
        out.print(drawn)
        out.print(plain(found.legend(columns)))
    if len(found.rows) > MAX_ROWS:
        out.print(plain(f"Only the first {MAX_ROWS} of {len(found.rows):,} rows are shown. results.csv has all runs."))
    for failure in summary.failures[:MAX_ROWS]:
        out.print(plain(failure))
    if len(summary.failures) > MAX_ROWS:
        out.print(plain(f"Only the first {MAX_ROWS} of {len(summary.failures):,} reasons are shown."))
    out.print(plain(summary.verdict))
