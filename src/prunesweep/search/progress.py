"""A search as a person and the next program see it: a line while it goes on, a table and the Pareto set."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prunesweep.results import pareto as frontier
from prunesweep.results.objectives import Objective

LAST = ("seconds", "note")
WITHIN = 0.005  # of the dense network's validation accuracy


@dataclass(frozen=True)
class Row:
    """One trial.

    Attributes:
        status: completed, failed, duplicate, taken back or running.
        values: the means of the objectives; empty unless completed.
        note: why it failed, or which trial it repeats.
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


def completed(rows: Sequence[Row]) -> list[Row]:
    """Those with values."""
    return [row for row in rows if row.status == "completed"]


def pareto(rows: Sequence[Row], goals: Sequence[Objective]) -> list[Row]:
    """The completed trials that no other one beats, by number."""
    done = completed(rows)
    if not done:
        return []
    best = frontier.pareto([row.values for row in done], [goal.maximize for goal in goals])
    return [row for row, kept in zip(done, best, strict=True) if kept]


def hypervolume(rows: Sequence[Row], goals: Sequence[Objective]) -> float:
    """The volume between the Pareto set and the worst values, in the objectives' own units; 0 where there is none."""
    done = completed(rows)
    if not done:
        return 0.0
    worst = [done[0].noted[f"worst {goal.field}"] for goal in goals]
    return frontier.hypervolume([row.values for row in done], worst, [goal.maximize for goal in goals])


def line(name: str, rows: Sequence[Row], total: int, goals: Sequence[Objective], left: float | None) -> str:
    """Trials done of the total, the smallest network nearly as good as the dense one, hypervolume, time left."""
    done = [row for row in rows if row.status in ("completed", "failed")]
    failed = len(done) - len(completed(rows))
    parts = [f"{name}: {len(done)}/{total} trials" + (f" ({failed} failed)" if failed else "")]
    near = [
        row for row in completed(rows) if row.noted["final.val_accuracy"] >= row.noted["dense.val_accuracy"] - WITHIN
    ]
    if near:
        best = max(near, key=lambda row: row.noted["param_reduction"])
        parts.append(
            f"best within 0.5 points of dense: -{best.noted['param_reduction']:.2%} parameters "
            f"at {best.noted['final.val_accuracy']:.2%} (trial {best.number})"
        )
    parts.append(f"hypervolume {hypervolume(rows, goals):.5g}")
    if left is not None:
        parts.append(f"{clock(left)} left")
    return ", ".join(parts)


def clock(seconds: float) -> str:
    """3725 -> `1:02:05`."""
    hours, rest = divmod(math.ceil(seconds), 3600)
    return (f"{hours}:" if hours else "") + f"{rest // 60:02}:{rest % 60:02}"


def table(rows: Sequence[Row], goals: Sequence[Objective]) -> str:
    """`trials.csv`: one row a trial; each objective's mean, standard deviation and, of several seeds, values."""
    found = []
    for row in rows:
        scores: dict[str, Any] = {}
        for index, goal in enumerate(goals):
            if row.values:
                scores[goal.field] = row.values[index]
                scores[f"{goal.field} sd"] = row.deviations[index]
            for seed, values in row.runs.items():
                if len(row.runs) > 1:
                    scores[f"{goal.field} seed={seed}"] = values[index]
        found.append(
            {"trial": row.number, "status": row.status, "directory": row.directory, **row.parameters, **scores}
            | {"seconds": row.seconds, "note": row.note}
        )
    columns = dict.fromkeys(column for one in found for column in one)
    columns = {**{name: None for name in columns if name not in LAST}, **dict.fromkeys(LAST)}
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return text.getvalue()


def summary(name: str, rows: Sequence[Row], total: int, goals: Sequence[Objective]) -> dict[str, Any]:
    """`optimization_results.yaml`: counts, hypervolume, and the Pareto set by trial, directory and values."""
    statuses = [row.status for row in rows]
    return {
        "name": "optuna",
        "study": name,
        "objectives": {goal.field: goal.direction for goal in goals},
        "trials": {"total": total, **{status: statuses.count(status) for status in dict.fromkeys(statuses)}},
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
