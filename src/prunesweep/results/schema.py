"""A run's result, `result.json`, and many of them as one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from prunesweep.results.result import SCHEMA_VERSION

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
