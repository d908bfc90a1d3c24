"""The table of a sweep: a row for each run, or for each setting if several seeds were swept.

Only columns that fit into the width of the terminal are shown, so that no figure is cut off.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from prunesweep.report.compute.groups import Experiment, Spread, experiments, over_seeds
from prunesweep.results.run_directory import RunDirectory
from prunesweep.results.text import cut, percent

BREAKS = (re.compile(r"\.(?=[\w.]*=)"), re.compile("="))
"""Where the text of a setting can continue on the next line."""
MEASURES = {"file_bytes": "file bytes", "packed_bytes": "packed bytes", "latency_us": "µs"}
"""What runs measure on request -> the heading of its column."""
COLUMNS = (
    *("run", "settings", "amount", "sparsity", "parameters", "left", "reduction"),
    *("dense", "pruned", "final", "difference", *MEASURES.values(), "seconds"),
)
"""All columns in their order. `left` replaces `parameters` if there is little space. Empty ones are not shown."""
LEFT_OUT = ("seconds", "sparsity", "pruned", "parameters", "reduction", "dense")
"""Columns that are left out if there is little space, in this order."""
TEXTS = ("run", "settings")
"""The columns that are aligned to the left."""
BETWEEN = 3
"""The width of the line between two columns, with its spaces."""
MAX_NAMES = 3
"""How many runs of a setting are named."""


@dataclass(frozen=True)
class Table:
    """A table as text.

    Attributes:
        rows: The cells of each row, by the heading of their column.
        repeated: Whether several seeds were swept, so that figures are means with their standard deviations.
    """

    rows: Sequence[Mapping[str, str]]
    repeated: bool

    def columns(self, width: int) -> list[str]:
        """Return the headings of the columns that fit into `width` characters."""
        columns = [name for name in COLUMNS if name != "left" and any(row[name] for row in self.rows)]
        for name in LEFT_OUT:
            if _width(self.rows, columns) <= width:
                break
            columns = [each for each in columns if each != name]
            if name == "parameters":
                columns.insert(columns.index("reduction"), "left")
        return columns

    def fitted(self, columns: Sequence[str], width: int) -> Table:
        """Return this table, with settings broken after dots in names, then after "=", until `width` is enough."""
        fitted = self
        for place in BREAKS:
            if fitted.least_width(columns) > width:
                rows = [{**row, "settings": place.sub(r"\g<0>\n", row["settings"])} for row in fitted.rows]
                fitted = replace(self, rows=rows)
        return fitted

    def least_width(self, columns: Sequence[str]) -> int:
        """Return the number of characters that the columns need at least. Settings can take several lines."""
        words = [{**row, "settings": max(row["settings"].split(), key=len, default="")} for row in self.rows]
        return _width(words, columns)

    def legend(self, columns: Sequence[str]) -> str:
        """Explain the headings `columns`."""
        accuracies = ", ".join(name for name in columns if name in ("dense", "pruned", "final"))
        left = "left: parameters that were not pruned. " if "left" in columns else ""
        spread = " Figures are means ± standard deviations over seeds." if self.repeated else ""
        latency = " µs: time of the C file for one image." if MEASURES["latency_us"] in columns else ""
        return f"{left}{accuracies}: test accuracy. difference: final minus dense, in points.{latency}{spread}"


def _width(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> int:
    widths = [max(len(name), *(len(row[name]) for row in rows)) for name in columns]
    return sum(widths) + BETWEEN * len(widths) + 1


def table(runs: Sequence[RunDirectory]) -> Table:
    """Return the table of completed runs. If they differ in more than the amount, a column shows the other settings."""
    groups = experiments(runs)
    repeated = any(group.seeds > 1 for group in groups)
    members = [_members(group, runs) for group in groups] if repeated else [[run] for run in runs]
    labels = distinguishing([group[0].overrides for group in members], ignored=("seed",) if repeated else ())
    return Table([_row(group, label) for group, label in zip(members, labels, strict=True)], repeated)


def distinguishing(overrides: Sequence[Sequence[str]], ignored: Sequence[str] = ()) -> list[str]:
    """Return the overrides of each run, without the amount and without those that all runs share.

    Args:
        overrides: The overrides of each run.
        ignored: Further keys that are left out.
    """
    out = {"prune.amount", *ignored}
    kept = [[text for text in texts if text.partition("=")[0].lstrip("+") not in out] for texts in overrides]
    shared = set.intersection(*map(set, kept)) if kept else set()
    return [" ".join(text for text in texts if text not in shared) for texts in kept]


def _members(group: Experiment, runs: Sequence[RunDirectory]) -> list[RunDirectory]:
    return [runs[index] for index in group.runs]


def _row(runs: Sequence[RunDirectory], settings: str) -> dict[str, str]:
    """Return the cells of runs that differ only in their seed."""

    def figure(value: Callable[[Mapping[str, Any]], float], form: Callable[[float], str], unit: str = "") -> str:
        return _spread(over_seeds(runs, value), form, unit)

    def accuracy(point: str) -> str:
        return figure(lambda result: 100 * float(result[point]["test_accuracy"]), "{:.2f}".format, " %")

    def mean(field: str) -> float:
        return over_seeds(runs, lambda result: float(result[field])).mean

    def measured(field: str) -> str:
        if any(run.result.get(field) is None for run in runs):
            return ""
        return figure(
            lambda result: float(result[field]), "{:,.1f}".format if field == "latency_us" else "{:,.0f}".format
        )

    left = f"{mean('params_nonzero'):,.0f}"
    return {
        "run": _names([run.name for run in runs]),
        "settings": settings,
        "amount": f"{runs[0].result['amount']:g}",
        "sparsity": percent(mean("sparsity")),
        "parameters": f"{mean('params_total'):,.0f} -> {left}",
        "left": left,
        "reduction": cut(mean("param_reduction")),
        **{point: accuracy(point) for point in ("dense", "pruned", "final")},
        "difference": figure(_difference, lambda points: f"{round(points, 2) + 0.0:+.2f}"),  # + 0.0: never -0.00
        **{heading: measured(name) for name, heading in MEASURES.items()},
        "seconds": f"{mean('seconds'):.1f}",
    }


def _difference(result: Mapping[str, Any]) -> float:
    return 100 * float(result["final"]["test_accuracy"] - result["dense"]["test_accuracy"])


def _spread(spread: Spread, form: Callable[[float], str], unit: str) -> str:
    deviation = "" if spread.sd is None else f" ± {spread.sd:.2f}"
    return f"{form(spread.mean)}{deviation}{unit}"


def _names(names: Sequence[str]) -> str:
    """Return the names of the runs of one row. Those of one trial of a search have its number in common."""
    if len(names) == 1:
        return names[0]
    folders = {str(PurePosixPath(name).parent) for name in names}
    if len(folders) == 1 and folders != {"."} and all("seed=" in name for name in names):
        return folders.pop()
    return ", ".join(names) if len(names) <= MAX_NAMES else f"{names[0]} and {len(names) - 1} more"
