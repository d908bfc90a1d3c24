"""A run's result, `result.json`, and many of them as one table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from prunesweep.results.run_directory import RunDirectory

TABLE = "results.csv"


def points(fields: dict[str, Any]) -> list[dict[str, Any]]:
    """The points of the trade-off that a run holds: those of its earlier rounds, then its own, as if each were a run.

    Each tells by `point` whether it is the run's `final` one or that of a `round`.
    """
    own = {key: value for key, value in fields.items() if key != "rounds"}
    rounds = fields.get("rounds", [])
    final = {"point": "final", "round": len(rounds) + 1, **own}
    return [{**own, "point": "round", **earlier} for earlier in rounds] + [final]


def flat(fields: dict[str, Any]) -> dict[str, Any]:
    """One row: nested fields under dotted names, a layer's under its name; the history stays in `result.json`."""
    row: dict[str, Any] = {}
    for key, value in fields.items():
        if key in ("overrides", "dead_layers"):
            row[key] = " ".join(value)
        elif key == "layers":
            row.update(
                {
                    f"layers.{layer['name']}.{field}": layer[field]
                    for layer in value
                    for field in ("total", "nonzero", "sparsity")
                }
            )
        elif isinstance(value, dict):
            row.update({f"{key}.{name}": inner for name, inner in flat(value).items()})
        elif key != "history":
            row[key] = value
    return row


def table(jobs: Iterable[RunDirectory]) -> str:
    """`results.csv`: one row a point, in the union of their columns; `point` is `final` in one row of each run."""
    rows = [{"run": job.name, **flat(point)} for job in jobs for point in points(job.result)]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
