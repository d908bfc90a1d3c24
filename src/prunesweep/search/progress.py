"""The progress of a search: a line for the terminal, the table of all trials, and the Pareto set as a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from prunesweep.results import pareto as frontier
from prunesweep.results.objectives import Objective, about_as_good
from prunesweep.results.tables import csv_text
from prunesweep.results.text import counted, cut, duration, percent
from prunesweep.search import ledger

MARKS = {ledger.FAILED: "failed", ledger.TAKEN_BACK: "taken back", ledger.DUPLICATE: "duplicate"}
"""Attributes of a trial that state its status; the attribute's value is the note."""


@dataclass(frozen=True)
class Row:
    """A trial as the tables show it.

    Attributes:
        status: `completed`, `failed`, `duplicate`, `taken back` or `running`.
        directory: Name of its directory below the sweep's; empty if it has none.
        parameters: Searched keys and values.
        values: Means of the objectives; empty unless completed.
        deviations: Standard deviations of the objectives over the seeds.
        runs: Values of the objectives by seed.
        noted: Means of the fields in `evaluation.NOTED`, and the worst value of each objective.
        note: Why it failed, or which trial it repeats.
        seconds: Time from start to end.
    """

    number: int
    status: str
    directory: str
    parameters: dict[str, Any]
    values: list[float]
    deviations: list[float]
    runs: dict[str, list[float]]
    noted: dict[str, float]
    note: str
    seconds: float | None


def row_of(trial: FrozenTrial) -> Row:
    """Return the row of `trial`."""
    outcome = trial.user_attrs.get(ledger.OUTCOME, {})
    status, note = trial.state.name.lower(), ""
    if trial.state is TrialState.COMPLETE:
        status = "completed"
    for mark, name in MARKS.items():
        if mark in trial.user_attrs and trial.state.is_finished():
            status, note = name, str(trial.user_attrs[mark])
    return Row(
        number=trial.number,
        status=status,
        directory=str(trial.number) if status in ("completed", "failed", "running") else "",
        parameters=dict(trial.params),
        values=list(trial.values) if status == "completed" else [],
        deviations=outcome.get("deviations", []),
        runs=outcome.get("runs", {}),
        noted=outcome.get("noted", {}),
        note=f"of trial {note}" if status == "duplicate" else note,
        seconds=trial.duration.total_seconds() if trial.duration else None,
    )


def completed(rows: Sequence[Row]) -> list[Row]:
    """Return the completed trials."""
    return [row for row in rows if row.status == "completed"]


def pareto(rows: Sequence[Row], goals: Sequence[Objective]) -> list[Row]:
    """Return the completed trials that no other trial dominates, by number."""
    done = completed(rows)
    if not done:
        return []
    best = frontier.pareto([row.values for row in done], [goal.maximize for goal in goals])
    return [row for row, kept in zip(done, best, strict=True) if kept]


def hypervolume(rows: Sequence[Row], goals: Sequence[Objective]) -> float:
    """Return the hypervolume between the Pareto set and the worst values, in the units of the objectives, or 0."""
    done = completed(rows)
    if not done:
        return 0.0
    worst = [done[0].noted[f"worst {goal.field}"] for goal in goals]
    return frontier.hypervolume([row.values for row in done], worst, [goal.maximize for goal in goals])


def line(name: str, rows: Sequence[Row], total: int, goals: Sequence[Objective], left: float | None) -> str:
    """Return the progress in one line: trials, the smallest network about as good as dense, hypervolume, time left."""
    done = [row for row in rows if row.status in ("completed", "failed")]
    failed = len(done) - len(completed(rows))
    parts = [f"{name}: {len(done):,} of {counted(total, 'trial')}" + (f" ({failed} failed)" if failed else "")]
    complete = completed(rows)
    good = about_as_good([(row.noted["dense.val_accuracy"], row.noted["final.val_accuracy"]) for row in complete])
    if any(good):
        best = max((row for row, is_good in zip(complete, good, strict=True) if is_good), key=_merit)
        parts.append(
            f"best within 0.5 points of dense: {cut(best.noted['param_reduction'])} parameters at "
            f"{percent(best.noted['final.val_accuracy'])} validation accuracy (trial {best.number})"
        )
    parts.append(f"hypervolume {hypervolume(rows, goals):.5g}")
    if left is not None:
        parts.append(f"{duration(left)} left")
    return ", ".join(parts)


def _merit(row: Row) -> tuple[float, float, float]:
    """Return what orders trials that are about as good as dense: reduction, accuracy, and as last the smaller network.

    Studies of older releases did not note the number of parameters.
    """
    noted = row.noted
    return noted["param_reduction"], noted["final.val_accuracy"], -noted.get("params_nonzero", 0.0)


def table(rows: Sequence[Row], keys: Sequence[str], goals: Sequence[Objective]) -> str:
    """Return `trials.csv`: one row per trial, with mean and standard deviation of each objective.

    With several seeds, the table also contains the value of each seed. The cell of a key that was not searched in a
    trial is empty.

    Args:
        rows: The trials.
        keys: All searched keys, in the order of their columns.
        goals: The objectives.
    """
    table = []
    for row in rows:
        scores: dict[str, Any] = {}
        for index, goal in enumerate(goals):
            if row.values:
                scores[goal.field] = row.values[index]
                scores[f"{goal.field} sd"] = row.deviations[index]
            for seed, values in row.runs.items():
                if len(row.runs) > 1:
                    scores[f"{goal.field} seed={seed}"] = values[index]
        table.append((row, scores))
    columns = dict.fromkeys(column for _, scores in table for column in scores)
    lines = []
    for row, scores in table:
        last = {"seconds": row.seconds, "note": row.note}
        first = {"trial": row.number, "status": row.status, "directory": row.directory}
        lines.append({**first, **row.parameters, **scores, **last})
    return csv_text(["trial", "status", "directory", *keys, *columns, "seconds", "note"], lines)


def summary(
    name: str, rows: Sequence[Row], total: int, goals: Sequence[Objective], ended: str | None = None
) -> dict[str, Any]:
    """Return `optimization_results.yaml`: counts, hypervolume, and the Pareto set with directories and values.

    Args:
        name: The name of the study.
        rows: The trials.
        total: The number of trials of the search.
        goals: The objectives.
        ended: Why the search ended, or None if it has not.
    """
    statuses = [row.status for row in rows]
    return {
        "name": "optuna",
        "study": name,
        "objectives": {goal.field: goal.direction for goal in goals},
        "trials": {"total": total, **{status: statuses.count(status) for status in dict.fromkeys(statuses)}},
        "ended": ended,
        "hypervolume": hypervolume(rows, goals),
        "pareto": [
            {
                "trial": row.number,
                "directory": row.directory,
                "parameters": row.parameters,
                "values": {goal.field: value for goal, value in zip(goals, row.values, strict=True)},
                "deviations": {goal.field: value for goal, value in zip(goals, row.deviations, strict=True)},
            }
            for row in pareto(rows, goals)
        ],
    }
