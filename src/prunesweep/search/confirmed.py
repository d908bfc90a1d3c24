"""The table of `prunesweep confirm`: each retrained network with its scores in the search and with new seeds."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from prunesweep.report.console.text import console
from prunesweep.results.objectives import Objective
from prunesweep.results.pareto import pareto
from prunesweep.results.run_directory import RunDirectory
from prunesweep.results.tables import csv_text
from prunesweep.results.text import cut, percent
from prunesweep.search.candidates import Candidate

TABLE = "confirmed.csv"
COLUMNS = (
    *("network", "seeds", "param_reduction", "searched pareto", "searched distance", "searched val_accuracy"),
    *("searched val_accuracy low", "searched val_accuracy high", "pareto", "val_accuracy", "val_accuracy sd"),
    *("optimism", "test_accuracy", "test_accuracy sd"),
)


@dataclass(frozen=True)
class Confirmed:
    """A network retrained with new seeds. Accuracies are fractions, each a mean and a standard deviation.

    Attributes:
        name: Such as `trial 17` or `dense`.
        seeds: The number of runs.
        reduction: The fraction of all parameters that is pruned.
        validation: Validation accuracy.
        test: Test accuracy.
        searched: The trial in the search, or None for a dense network.
        remains: Whether it is in the Pareto set of the new runs.
    """

    name: str
    seeds: int
    reduction: float
    validation: tuple[float, float]
    test: tuple[float, float]
    searched: Candidate | None = None
    remains: bool = False

    @property
    def optimism(self) -> float | None:
        """How much higher the validation accuracy was in the search, or None for a dense network."""
        return None if self.searched is None else self.searched.val_accuracy - self.validation[0]


def rows(
    chosen: Sequence[Candidate], runs: Mapping[int, Sequence[RunDirectory]], goals: Sequence[Objective]
) -> list[Confirmed]:
    """Return the rows of the table: each distinct dense network, then the trials.

    Args:
        chosen: The trials, in the order of their rows.
        runs: The new runs of each trial, by its number.
        goals: The objectives, which decide what is in the Pareto set of the new runs.
    """
    means = [
        [statistics.fmean(goal.value(run.result) for run in runs[each.trial]) for goal in goals] for each in chosen
    ]
    best = pareto(means, [goal.maximize for goal in goals])
    trials = [
        _row(f"trial {each.trial}", runs[each.trial], "final", each, remains=bool(remains))
        for each, remains in zip(chosen, best, strict=True)
    ]
    return [*_dense(runs), *trials]


def _dense(runs: Mapping[int, Sequence[RunDirectory]]) -> list[Confirmed]:
    """Return one row for each distinct dense network of the trials. Networks with the same digests are the same."""
    trials = defaultdict(list)
    for trial, repetitions in runs.items():
        trials[tuple(run.result["dense_digest"] for run in repetitions)].append(trial)
    if len(trials) == 1:
        return [_row("dense", next(iter(runs.values())), "dense")]
    return [
        _row(f"dense of trial {', '.join(map(str, sorted(numbers)))}", runs[numbers[0]], "dense")
        for numbers in trials.values()
    ]


def _row(
    name: str, runs: Sequence[RunDirectory], point: str, searched: Candidate | None = None, *, remains: bool = False
) -> Confirmed:
    """Return the row of a network at `point` (`dense` or `final`) over `runs`, one for each seed."""

    def spread(score: str) -> tuple[float, float]:
        values = [run.result[point][score] for run in runs]
        return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0

    reduction = statistics.fmean(run.result["param_reduction"] for run in runs) if point == "final" else 0.0
    return Confirmed(name, len(runs), reduction, spread("val_accuracy"), spread("test_accuracy"), searched, remains)


def as_csv(table: Iterable[Confirmed]) -> str:
    """Return `confirmed.csv`: one row per network. The cells of a dense network about the search are empty."""
    return csv_text(COLUMNS, map(_cells, table))


def _cells(row: Confirmed) -> dict[str, Any]:
    cells: dict[str, Any] = {
        "network": row.name,
        "seeds": row.seeds,
        "param_reduction": row.reduction,
        "val_accuracy": row.validation[0],
        "val_accuracy sd": row.validation[1],
        "optimism": row.optimism,
        "test_accuracy": row.test[0],
        "test_accuracy sd": row.test[1],
    }
    if row.searched is not None:
        cells["searched pareto"], cells["pareto"] = _yes(row.searched.member), _yes(row.remains)
        cells["searched distance"], cells["searched val_accuracy"] = row.searched.distance, row.searched.val_accuracy
        cells["searched val_accuracy low"], cells["searched val_accuracy high"] = row.searched.interval
    return cells


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def show(table: Sequence[Confirmed]) -> None:
    """Print the table in percent."""

    def spread(pair: tuple[float, float]) -> str:
        return f"{100 * pair[0]:.2f} ± {100 * pair[1]:.2f} %"

    caption = (
        f"mean ± sd over {table[0].seeds} new seeds. set: in the Pareto set of the search, of the new runs, or of both."
    )
    shown = Table(caption=caption, caption_justify="left")
    for column in ("network", "set", "reduction", "searched, val", "confirmed, val", "optimism", "test"):
        shown.add_column(column, justify="left" if column in ("network", "set") else "right", no_wrap=True)
    for row in table:
        points = "" if row.optimism is None else f"{100 * row.optimism:+.2f}"
        searched = "" if row.searched is None else percent(row.searched.val_accuracy)
        shown.add_row(
            row.name, _sets(row), cut(row.reduction), searched, spread(row.validation), points, spread(row.test)
        )
    console().print(shown)


def _sets(row: Confirmed) -> str:
    """Return in which Pareto set a trial is: that of the search, that of the new runs, or both."""
    before = row.searched is not None and row.searched.member
    return {(True, True): "both", (True, False): "search", (False, True): "new"}.get((before, row.remains), "")
