"""`results.csv`: the results of many runs as one table. The other tables of the package are written here as well."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from prunesweep.errors import printable
from prunesweep.results.run_directory import RunDirectory

TABLE = "results.csv"
MAX_COLUMNS = 4_000
"""How many columns the table has at most, because each of them has a cell in each row. Further ones are left out."""
FORMULA = ("=", "+", "-", "@")
"""First characters of a cell that spreadsheets compute."""

SHARED_BY_ROUNDS = (
    *("status", "model", "dataset", "seed", "device", "threads", "dense_digest", "overrides"),
    *("criterion", "scope", "structure", "schedule", "dense", "schema_version"),
    *("weights", "normalization", "classes", "examples"),
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
    """Return one table row: nested fields under dotted names, layers and classes under their names.

    The history, the confusion matrix and the layers that cannot be pruned are left out.
    """
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
        elif key == "classes":
            row[key] = len(value)
        elif key == "class_accuracy":
            row.update({f"{key}.{name}": accuracy for name, accuracy in zip(fields["classes"], value, strict=True)})
        elif isinstance(value, dict):
            row.update({f"{key}.{name}": inner for name, inner in value.items()})
        elif key not in ("history", "confusion", "other_layers"):
            row[key] = value
    return row


def table(runs: Iterable[RunDirectory]) -> str:
    """Return `results.csv`: one row per measured point, with the columns of all rows.

    A run has exactly one row whose `point` is `final`, whether it completed or not.
    """
    rows = [{"run": run.name, **flat(point)} for run in runs for point in points(run.result)]
    final_first = sorted(rows, key=lambda row: row["point"] != "final")  # only final rows have all columns, in order
    columns = list(dict.fromkeys(column for row in final_first for column in row))
    return csv_text(columns[:MAX_COLUMNS], rows)


def csv_text(columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return a table as CSV. A row may lack columns, and may have further ones, which are left out.

    Texts may come from other people's files. They are written on one line, and an apostrophe precedes those that a
    spreadsheet would compute as a formula.
    """
    columns = list(columns)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(_cell, columns))
    writer.writerows([_cell(row.get(column, "")) for column in columns] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, float | int) or value is None:
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
