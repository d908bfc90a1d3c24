"""Check whether the content of a `result.json` has the layout that this release reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from prunesweep.results.history import PHASES
from prunesweep.results.result import SCHEMA_VERSION

COUNTS = (
    *("amount", "params_total", "params_selected", "params_pruned", "params_nonzero", "params_effective"),
    *("sparsity", "param_reduction", "macs_total", "macs_nonzero"),
)
NUMBERS = (*COUNTS, "seconds")
STRINGS = ("model", "dataset", "digest", "dense_digest")
SCORES = ("dense", "pruned", "final")


def schema_error(fields: Any) -> str | None:
    """Return why `fields` cannot be used as a result, or None if they can.

    Only completed runs need all fields. Others need their status and overrides.
    """
    if not isinstance(fields, dict) or not isinstance(fields.get("status"), str):
        return "result.json: not the result of a run"
    if fields.get("schema_version", SCHEMA_VERSION) != SCHEMA_VERSION:
        return f"result.json: schema_version {fields['schema_version']}, this release reads {SCHEMA_VERSION}"
    if not _is_list(fields.get("overrides"), str):
        return "result.json: 'overrides' is not a list of strings"
    if fields["status"] != "completed":
        return None
    return next((f"result.json: {error}" for error in _errors(fields)), None)


def _errors(fields: dict[str, Any]) -> Iterator[str]:
    """Yield the errors of a completed run. Use only the first one: later checks assume that earlier ones passed."""
    yield from (f"{name!r} is not a string" for name in STRINGS if not isinstance(fields.get(name), str))
    if isinstance(fields.get("seed"), bool) or not isinstance(fields.get("seed"), int):
        yield "'seed' is not an integer"
    yield from _errors_of_point(fields, NUMBERS, SCORES)
    yield from _errors_of_history(fields.get("history"))
    if not isinstance(fields.get("compact") or {}, dict):
        yield "'compact' is not an object"
    if not _is_list(fields.get("rounds"), dict):
        yield "'rounds' is not a list of objects"
    for number, entry in enumerate(fields["rounds"], 1):
        yield from (f"round {number}: {error}" for error in _errors_of_point(entry, ("round", *COUNTS), SCORES[1:]))


def _errors_of_history(history: Any) -> Iterator[str]:
    if not _are_entries(history, ("round", "val_accuracy", "seconds")):
        yield "'history' is not a list of objects with round, val_accuracy, seconds"
    for epoch in history:
        if epoch.get("phase", "dense") not in PHASES:
            yield f"'history' has an epoch with phase {epoch['phase']!r}; phases are {', '.join(PHASES)}"


def _errors_of_point(fields: dict[str, Any], numbers: Sequence[str], scores: Sequence[str]) -> Iterator[str]:
    yield from (f"{name!r} is not a number >= 0" for name in numbers if not _is_count(fields.get(name)))
    for point in scores:
        for name in ("val_accuracy", "test_accuracy"):
            score = fields[point].get(name) if isinstance(fields.get(point), dict) else None
            if not _is_count(score) or float(score or 0) > 1:
                yield f"'{point}.{name}' is not a number from 0 to 1"
    if not _are_entries(fields.get("layers"), ("total", "nonzero", "sparsity")):
        yield "'layers' is not a list of objects with total, nonzero, sparsity"
    if not all(isinstance(layer.get("name"), str) for layer in fields["layers"]):
        yield "'layers' has an entry without a name"
    if not _is_list(fields.get("dead_layers"), str):
        yield "'dead_layers' is not a list of strings"


def _are_entries(value: Any, numbers: Sequence[str]) -> bool:
    return _is_list(value, dict) and all(_is_count(entry.get(name)) for entry in value for name in numbers)


def _is_count(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _is_list(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(entry, kind) for entry in value)
