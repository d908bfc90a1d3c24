"""A run's result, `result.json`, and many of them as one table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
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
    structure: str
    schedule: str
    amount: float
    params_total: int
    params_selected: int
    params_pruned: int
    params_nonzero: int
    params_effective: int
    sparsity: float
    param_reduction: float
    compression: float | None
    macs_total: int
    macs_nonzero: int
    theoretical_speedup: float | None
    dead_layers: list[str]
    dense: dict[str, float]
    pruned: dict[str, float]
    final: dict[str, float]
    layers: list[dict[str, Any]]
    compact: dict[str, Any] | None
    rounds: list[dict[str, Any]]
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

    `status` is `completed`, `failed`, `unfinished` where there is no result, or `unreadable` where there is one that is
    broken or of another layout.
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
    """What the run directory `folder` holds as its result, or that it is `unfinished` or `unreadable`, and why."""
    try:
        fields = json.loads((folder / RESULT).read_bytes(), parse_constant=_no_number)
        reason = misfit(fields)
        if reason is None:
            return dict(fields)
        status = "unreadable"
    except FileNotFoundError:
        status, reason = "unfinished", "there is no result.json: the run did not finish"
    except (OSError, ValueError, RecursionError) as error:
        status, reason = "unreadable", f"result.json: {error}"
    return {"status": status, "error": reason, "overrides": []}


COUNTS = (
    *("amount", "params_total", "params_selected", "params_pruned", "params_nonzero", "params_effective"),
    *("sparsity", "param_reduction", "macs_total", "macs_nonzero"),
)
NUMBERS = (*COUNTS, "seconds")
TEXTS = ("model", "dataset", "digest", "dense_digest")
SCORES = ("dense", "pruned", "final")


def misfit(fields: Any) -> str | None:
    """Why what a `result.json` holds is not a result of this layout; None where it is one."""
    if not isinstance(fields, dict) or not isinstance(fields.get("status"), str):
        return "result.json: not a result"
    if fields.get("schema_version", SCHEMA_VERSION) != SCHEMA_VERSION:
        return f"result.json: schema_version {fields['schema_version']}, this release reads {SCHEMA_VERSION}"
    if not _is_list(fields.get("overrides"), str):
        return "result.json: 'overrides' is no list of texts"
    if fields["status"] != "completed":
        return None
    return next((f"result.json: {reason}" for reason in _misfits(fields)), None)


def _misfits(fields: dict[str, Any]) -> Iterator[str]:
    yield from (f"{name!r} is no text" for name in TEXTS if not isinstance(fields.get(name), str))
    if isinstance(fields.get("seed"), bool) or not isinstance(fields.get("seed"), int):
        yield "'seed' is no whole number"
    yield from _misfits_of_point(fields, NUMBERS, SCORES)
    if not _are_entries(fields.get("history"), ("round", "val_accuracy", "seconds")):
        yield "'history' is no list of entries with round, val_accuracy, seconds"
    if not _is_list(fields.get("rounds"), dict):
        yield "'rounds' is no list of entries"
    for number, entry in enumerate(fields["rounds"], 1):
        yield from (f"round {number}: {reason}" for reason in _misfits_of_point(entry, ("round", *COUNTS), SCORES[1:]))


def _misfits_of_point(fields: dict[str, Any], numbers: Sequence[str], scores: Sequence[str]) -> Iterator[str]:
    yield from (f"{name!r} is no number of at least 0" for name in numbers if not _counts(fields.get(name)))
    for point in scores:
        for name in ("val_accuracy", "test_accuracy"):
            score = fields[point].get(name) if isinstance(fields.get(point), dict) else None
            if not _counts(score) or float(score or 0) > 1:
                yield f"'{point}.{name}' is no number from 0 to 1"
    if not _are_entries(fields.get("layers"), ("total", "nonzero", "sparsity")):
        yield "'layers' is no list of entries with total, nonzero, sparsity"
    if not all(isinstance(layer.get("name"), str) for layer in fields["layers"]):
        yield "'layers' are not named"
    if not _is_list(fields.get("dead_layers"), str):
        yield "'dead_layers' is no list of texts"


def _are_entries(value: Any, numbers: Sequence[str]) -> bool:
    return _is_list(value, dict) and all(_counts(entry.get(name)) for entry in value for name in numbers)


def _counts(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _is_list(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(entry, kind) for entry in value)


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


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


def table(jobs: Iterable[Job]) -> str:
    """`results.csv`: one row a point, in the union of their columns; `point` is `final` in one row of each run."""
    rows = [{"run": job.name, **flat(point)} for job in jobs for point in points(job.fields)]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
