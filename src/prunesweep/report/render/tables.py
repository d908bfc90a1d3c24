"""`frontier.csv`: the experiments on the frontiers."""

from __future__ import annotations

from typing import Any

from prunesweep.report.compute.costs import AXES
from prunesweep.report.compute.frontiers import Frontier
from prunesweep.report.compute.groups import Experiment, Spread
from prunesweep.report.compute.values import Task, Values
from prunesweep.results.run_directory import Value
from prunesweep.results.tables import csv_text

SCORES = ("val_accuracy.mean", "val_accuracy.sd", "test_accuracy.mean", "test_accuracy.sd")
CONFIRMED = tuple(f"confirmed.{name}" for name in ("seeds", *SCORES, "difference"))
"""Columns about the runs of `prunesweep confirm`. The difference is their validation accuracy minus that of the search.
"""


def frontier_table(values: Values) -> str:
    """Return one row per experiment on the frontier of each data set in the cost of its first view, the least first."""
    rows = [
        _row(values, task, task.frontiers[task.axis], index)
        for task in values.tasks
        for index in task.frontiers[task.axis].members
    ]
    return csv_text(rows[0] if rows else ["dataset"], rows)


def label(values: Values, experiment: Experiment) -> str:
    """Return the settings that distinguish `experiment` from the others on its data set."""
    runs = [values.runs.completed[index] for index in (*experiment.runs, *experiment.duplicates)]
    (keys,) = (task.keys for task in values.tasks if task.dataset == runs[0].result["dataset"])
    known = {key: {run.settings.get(key) for run in runs} for key in keys}  # several values: the setting has no effect
    shared = {key: found.pop() for key, found in known.items() if len(found) == 1}
    return " ".join(f"{key}={_short(value)}" for key, value in shared.items() if key in runs[0].settings)


def _row(values: Values, task: Task, frontier: Frontier, index: int) -> dict[str, Any]:
    experiment = values.experiments[index]
    runs = [values.runs.completed[run] for run in experiment.runs]
    first = runs[0]
    return {
        "dataset": task.dataset,
        "model": first.result["model"],
        **{key: first.settings.get(key) for key in values.keys},
        "params_total": first.result["params_total"],
        **{axis: _integer_if_whole(experiment.costs[axis]) for axis in AXES},
        **_columns("val_accuracy", experiment.val),
        **_columns("test_accuracy", experiment.test),
        **_columns("val_drop", experiment.val_drop),
        **_columns("test_drop", experiment.test_drop),
        **_confirmed(values, index),
        "seeds": experiment.seeds,
        "knee": index == frontier.knee,
        "runs": " ".join(run.name for run in runs),
    }


def _confirmed(values: Values, index: int) -> dict[str, float | None]:
    """Return the results of `prunesweep confirm`, if any experiment has them; empty cells for the others."""
    if not values.confirmed:
        return {}
    found = values.confirmed.get(index)
    if found is None:
        return dict.fromkeys(CONFIRMED)
    scores = (found.val.mean, found.val.sd, found.test.mean, found.test.sd, found.difference)
    return dict(zip(CONFIRMED, (found.seeds, *map(_rounded, scores)), strict=True))


def _columns(name: str, spread: Spread) -> dict[str, float | None]:
    return {f"{name}.mean": _rounded(spread.mean), f"{name}.sd": _rounded(spread.sd)}


def _integer_if_whole(cost: float | None) -> float | None:
    """Return a whole number as an integer, so that counts are written without a decimal point."""
    return int(cost) if cost is not None and cost == int(cost) else _rounded(cost)


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.9g}")


def _short(value: Value) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
