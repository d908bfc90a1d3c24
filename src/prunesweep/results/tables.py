"""The tables of a sweep: `results.csv` with a row per completed run, `rounds.csv` with their rounds, `failed.csv`.

The other tables of the package are written here as well.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prunesweep.errors import printable
from prunesweep.results.run_directory import RunDirectory

TABLE, ROUNDS, FAILED = "results.csv", "rounds.csv", "failed.csv"
MAX_COLUMNS = 4_000
"""How many columns the table has at most, because each of them has a cell in each row. Further ones are left out."""
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""First characters of a cell that spreadsheets compute, also in the width of East Asian characters."""

Columns = Mapping[str, Sequence[object]]
"""Swept settings under their names on the command line, each with its value for each run."""

SHARED_BY_ROUNDS = ("model", "dataset", "seed", "criterion", "scope", "structure", "schedule", "dense")
"""Fields of a run that are also true of its earlier rounds.

All other fields that a round does not have describe the final network (`digest`, `compact`) or the whole run
(`seconds`, `steps_total`).
"""


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


def table(runs: Sequence[RunDirectory], swept: Columns) -> str:
    """Return `results.csv`: one row per completed run, with the columns of all rows.

    The first columns are the swept settings. A field of the result with the same name is left out.
    """
    fields = [{key: value for key, value in run.result.items() if key != "rounds"} for run in runs]
    return _csv([_row(runs[number], number, swept, fields[number]) for number in range(len(runs))], swept)


def rounds_table(runs: Sequence[RunDirectory], swept: Columns) -> str:
    """Return `rounds.csv`: one row per round of the completed runs that have several, the last round included."""
    return _csv(
        [_row(run, number, swept, entry) for number, run in enumerate(runs) for entry in rounds(run.result)], swept
    )


def rounds(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rounds of a run with their own measurements and the settings of the run; empty if it has only one."""
    earlier = result["rounds"]
    shared = {key: result[key] for key in SHARED_BY_ROUNDS if key in result}
    last = {"round": len(earlier) + 1, **{key: result[key] for key in earlier[0] if key in result}} if earlier else {}
    return [{**shared, **entry} for entry in (*earlier, last) if entry]


def failed_table(runs: Iterable[RunDirectory]) -> str:
    """Return `failed.csv`: the runs without a result, with their overrides and the reason."""
    columns = ("run", "status", "overrides", "error")
    rows = ((run.name, run.status, " ".join(run.overrides), run.error) for run in runs)
    return csv_text(columns, (dict(zip(columns, row, strict=True)) for row in rows))


def _row(run: RunDirectory, number: int, swept: Columns, fields: Mapping[str, Any]) -> dict[str, Any]:
    typed = {key: values[number] for key, values in swept.items()}
    return {"run": run.name, **typed, **{key: value for key, value in flat(dict(fields)).items() if key not in typed}}


def _csv(rows: Sequence[Mapping[str, Any]], first: Iterable[str]) -> str:
    columns = dict.fromkeys(("run", *first, *(column for row in rows for column in row)))
    return csv_text(list(columns)[:MAX_COLUMNS], rows)


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
