"""`results.csv`: the results of many runs as one table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from prunesweep.results.run_directory import RunDirectory

TABLE = "results.csv"

SHARED_BY_ROUNDS = (
    *("status", "model", "dataset", "seed", "device", "threads", "dense_digest", "overrides"),
    *("criterion", "scope", "structure", "schedule", "dense", "schema_version"),
)
"""Fields of a run that are also true of its earlier rounds.

All other fields describe the final network (`digest`, `compact`) or the whole run (`seconds`, `steps_total`).
"""


def points(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the measured points of a run, earlier rounds first, each with the fields of a single run.

    The field `point` is `final` for the network that the run ended with, and `round` for earlier ones. Earlier rounds
    have no field that is known only of the final network or of the whole run.
    """
    rounds = result.get("rounds", [])
    shared = {key: result[key] for key in SHARED_BY_ROUNDS if key in result}
    final = {key: value for key, value in result.items() if key != "rounds"}
    return [
        *({"point": "round", **shared, **earlier} for earlier in rounds),
        {"point": "final", "round": len(rounds) + 1, **final},
    ]


def flat(fields: dict[str, Any]) -> dict[str, Any]:
    """Return one table row: nested fields under dotted names, layers under their names, without the history."""
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


def table(runs: Iterable[RunDirectory]) -> str:
    """Return `results.csv`: one row per measured point, with the columns of all rows.

    A run has exactly one row whose `point` is `final`, whether it completed or not.
    """
    rows = [{"run": run.name, **flat(point)} for run in runs for point in points(run.result)]
    final_first = sorted(rows, key=lambda row: row["point"] != "final")  # only final rows have all columns, in order
    text = io.StringIO()
    writer = csv.DictWriter(text, dict.fromkeys(column for row in final_first for column in row), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
