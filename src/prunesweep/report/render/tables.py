"""`frontier.csv`: the experiments that a frontier is made of."""

from __future__ import annotations

import csv
import io
from typing import Any

from prunesweep.report.compute.costs import AXES
from prunesweep.report.compute.frontiers import Frontier
from prunesweep.report.compute.gather import Value
from prunesweep.report.compute.groups import Experiment, Spread
from prunesweep.report.compute.values import Task, Values


def frontier_table(values: Values) -> str:
    """One row for each experiment of each data set's frontier in parameters left, the smallest network first."""
    rows = [
        _row(values, task, task.frontiers["params_nonzero"], index)
        for task in values.tasks
        for index in task.frontiers["params_nonzero"].members
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0] if rows else ["dataset"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _row(values: Values, task: Task, frontier: Frontier, index: int) -> dict[str, Any]:
    experiment = values.experiments[index]
    runs = [values.runs.done[run] for run in experiment.runs]
    first = runs[0]
    return {
        "dataset": task.dataset,
        "model": first.fields["model"],
        **{key: first.settings.get(key) for key in values.keys},
        "params_total": first.fields["params_total"],
        **{axis: _whole(experiment.costs[axis]) for axis in AXES},
        **_spread("val_accuracy", experiment.val),
        **_spread("test_accuracy", experiment.test),
        **_spread("val_drop", experiment.val_drop),
        **_spread("test_drop", experiment.test_drop),
        "seeds": len(runs),
        "knee": index == frontier.knee,
        "runs": " ".join(run.name for run in runs),
    }


def _whole(cost: float | None) -> float | None:
    """A mean that is a whole number as one, so that a count reads as a count."""
    return int(cost) if cost is not None and cost == int(cost) else _rounded(cost)


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.9g}")


def _spread(name: str, spread: Spread) -> dict[str, float | None]:
    return {f"{name}.mean": _rounded(spread.mean), f"{name}.sd": _rounded(spread.sd)}


def label(values: Values, experiment: Experiment) -> str:
    """What tells `experiment` apart from the others on its data set."""
    first = values.runs.done[experiment.runs[0]]
    (keys,) = (task.keys for task in values.tasks if task.dataset == first.fields["dataset"])
    return " ".join(f"{key}={_short(first.settings.get(key))}" for key in keys)


def _short(value: Value) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
