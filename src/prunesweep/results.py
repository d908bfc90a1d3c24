"""A run's result, `result.json`, and many of them as one table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prunesweep.store import write_atomically

RESULT = "result.json"
WEIGHTS = "model.safetensors"
TABLE = "results.csv"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Result:
    """What `result.json` of a completed run holds; README.md says what each field means."""

    status: str
    model: str
    dataset: str
    seed: int
    device: str
    threads: int
    digest: str
    dense_digest: str
    overrides: list[str]
    criterion: str
    scope: str
    schedule: str
    amount: float
    params_total: int
    params_selected: int
    params_pruned: int
    params_nonzero: int
    sparsity: float
    param_reduction: float
    compression: float | None
    macs_total: int
    macs_nonzero: int
    theoretical_speedup: float | None
    dense: dict[str, float]
    pruned: dict[str, float]
    final: dict[str, float]
    layers: list[dict[str, Any]]
    history: list[dict[str, Any]]
    seconds: float
    steps_total: int
    steps_cached: int
    schema_version: int = SCHEMA_VERSION


def write(folder: Path, result: dict[str, Any]) -> None:
    """Write `result.json` into the run directory `folder`, whole or not at all."""
    write_atomically(folder / RESULT, (json.dumps(result, indent=2, allow_nan=False) + "\n").encode())


def write_completed(folder: Path, result: Result) -> None:
    """Write the result of a run that is done."""
    write(folder, asdict(result))


def write_failed(folder: Path, overrides: Sequence[str], error: BaseException) -> None:
    """Write why a job of a sweep failed, for the sweep's table."""
    reason = str(error) if isinstance(error, ValueError | ArithmeticError) else f"{type(error).__name__}: {error}"
    write(folder, {"status": "failed", "overrides": list(overrides), "error": reason, "schema_version": SCHEMA_VERSION})


@dataclass(frozen=True)
class Job:
    """One run of a sweep: its directory below the sweep's, and what its `result.json` holds.

    `status` is `completed`, `failed`, or `unfinished` where there is no readable result.
    """

    name: str
    fields: dict[str, Any]

    @property
    def status(self) -> str:
        """How the run ended."""
        return str(self.fields["status"])


def read(sweep: Path) -> list[Job]:
    """All jobs of a sweep, in the order of their numbers."""
    folders = [folder.parent for folder in sweep.glob("**/.hydra")]
    return sorted((Job(_name(folder, sweep), read_result(folder)) for folder in folders), key=_natural)


def _name(folder: Path, sweep: Path) -> str:
    return folder.relative_to(sweep).as_posix()


def _natural(job: Job) -> list[tuple[int, int, str]]:
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in job.name.split("/")]


def read_result(folder: Path) -> dict[str, Any]:
    """What the run directory `folder` holds as its result; `unfinished` where that cannot be read."""
    try:
        fields = json.loads((folder / RESULT).read_bytes())
        if isinstance(fields, dict) and "status" in fields:
            return fields
        reason = "not a result"
    except FileNotFoundError:
        reason = "there is no result.json: the run did not finish"
    except (OSError, ValueError) as error:
        reason = f"unreadable result.json: {error}"
    return {"status": "unfinished", "error": reason, "overrides": []}


def flat(fields: dict[str, Any]) -> dict[str, Any]:
    """One row: nested fields under dotted names, a layer's under its name; the history stays in `result.json`."""
    row: dict[str, Any] = {}
    for key, value in fields.items():
        if key == "overrides":
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


def table(jobs: Iterable[Job]) -> str:
    """`results.csv`: one row a run, the union of their columns."""
    rows = [{"run": job.name, **flat(job.fields)} for job in jobs]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
