"""Check whether the content of a `result.json` has the layout that this release reads.

The file may come from other people, and its values go into tables, charts and statistics with those of other runs. So
each value is checked: its type, its range, and that names are texts that can be printed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from prunesweep.results.history import PHASES
from prunesweep.results.result import MEASURED, SCHEMA_VERSION

STATUSES = ("completed", "failed")
FRACTIONS = ("amount", "sparsity", "param_reduction")
COUNTS = (
    *("params_total", "params_selected", "params_pruned", "params_nonzero", "params_effective"),
    *("macs_total", "macs_nonzero"),
)
RATIOS = ("compression", "theoretical_speedup")
"""Numbers that are None if their denominator is 0."""
STRINGS = ("model", "dataset", "digest", "dense_digest")
SCORES = ("dense", "pruned", "final")
DATA = ("classes", "examples", "class_accuracy", "confusion")
"""What is known about the data and the classes. Older releases did not record it."""
LISTS = ("layers", "other_layers", "dead_layers", "rounds", "history", "overrides")
STRUCTURED = frozenset({*SCORES, *DATA, *LISTS, "normalization", "compact", "unquantized"})
"""Fields that are lists or objects. All others are single values."""

LARGEST = 10**15
"""The largest count, ratio or time. Sums of a million of them are finite and exact to a millionth."""
COUNT = f"a number from 0 to {LARGEST:g}"
MAX_NAME = 200
"""The largest length of the name of a network, a layer or a field."""
MAX_FIELDS = 100
"""How many fields an object may have. A result has less than 50."""
MAX_LAYERS = 1_000
MAX_CLASSES = 100_000
MAX_ROUNDS = 10_000


def schema_error(fields: Any) -> str | None:
    """Return why `fields` cannot be used as a result, or None if they can.

    Only completed runs need all fields. Others need their status and overrides.
    """
    if not isinstance(fields, dict) or not isinstance(fields.get("status"), str):
        return "result.json: not the result of a run"
    if fields.get("schema_version", SCHEMA_VERSION) != SCHEMA_VERSION:
        return f"result.json: schema_version {fields['schema_version']!s:.20}, this release reads {SCHEMA_VERSION}"
    if fields["status"] not in STATUSES:
        return f"result.json: status {fields['status'][:20]!r}, this release reads {' and '.join(STATUSES)}"
    if not _is_list(fields.get("overrides"), str):
        return "result.json: 'overrides' is not a list of strings"
    if fields["status"] != "completed":
        return None
    return next((f"result.json: {error}" for error in _errors(fields)), None)


def _errors(fields: dict[str, Any]) -> Iterator[str]:
    """Yield the errors of a completed run. Use only the first one: later checks assume that earlier ones passed."""
    yield from (f"{name!r} is not a printable string" for name in STRINGS if not _is_name(fields.get(name)))
    seed = fields.get("seed")
    if type(seed) is not int or not 0 <= seed < 2**63:
        yield "'seed' is not an integer from 0 to 2^63 - 1"
    if not _is_count(fields.get("seconds")):
        yield f"'seconds' is not {COUNT}"
    yield from _errors_of_point(fields, SCORES)
    yield from _errors_of_history(fields.get("history"))
    if any(name in fields for name in DATA):
        yield from _errors_of_classes(fields)
    yield from (f"{name!r} is not {COUNT}" for name in MEASURED if not _is_count(fields.get(name) or 0))
    for name in ("compact", "unquantized"):
        if fields.get(name) is not None and not _has_numbers(fields[name]):
            yield f"{name!r} is not an object with numbers"
    rounds: Any = fields.get("rounds")
    if not _is_list(rounds, dict) or len(rounds) > MAX_ROUNDS:
        yield f"'rounds' is not a list of at most {MAX_ROUNDS:,} objects"
    for number, entry in enumerate(fields["rounds"], 1):
        if not _is_count(entry.get("round")):
            yield f"round {number}: 'round' is not {COUNT}"
        yield from (f"round {number}: {error}" for error in _errors_of_point(entry, SCORES[1:]))


def _errors_of_classes(fields: dict[str, Any]) -> Iterator[str]:
    names: Any = fields.get("classes")
    if not _is_list(names, str) or not 2 <= len(names) <= MAX_CLASSES or not all(map(_is_name, names)):
        yield f"'classes' is not a list of 2 to {MAX_CLASSES:,} printable names"
    examples: Any = fields.get("examples")
    splits = {"train", "validation", "test"}
    if not isinstance(examples, dict) or examples.keys() != splits or not all(map(_is_whole, examples.values())):
        yield "'examples' is not an object with the number of examples of train, validation and test"
    accuracies: Any = fields.get("class_accuracy")
    if not isinstance(accuracies, list) or not all(value is None or _is_count(value, 1) for value in accuracies):
        yield "'class_accuracy' is not a list of numbers from 0 to 1"
    rows: Any = fields.get("confusion")
    lists = rows is None or (_is_list(rows, list) and all(all(map(_is_whole, row)) for row in rows))
    lengths = {len(accuracies), *([] if not lists or rows is None else [len(rows), *map(len, rows)])}
    if not lists or lengths != {len(names)}:
        yield "'class_accuracy' and 'confusion' do not have an entry for each class"


def _errors_of_history(history: Any) -> Iterator[str]:
    if not _are_entries(history, ("round", "val_accuracy", "seconds")):
        yield "'history' is not a list of objects with round, val_accuracy, seconds"
    for epoch in history:
        if epoch.get("phase", "dense") not in PHASES:
            yield f"'history' has an epoch with phase {epoch['phase']!s:.20}; phases are {', '.join(PHASES)}"


def _errors_of_point(fields: dict[str, Any], scores: Sequence[str]) -> Iterator[str]:
    """Yield the errors of the fields that a run and its earlier rounds have."""
    yield from _errors_of_single_values(fields)
    yield from (f"{name!r} is not a number from 0 to 1" for name in FRACTIONS if not _is_count(fields.get(name), 1))
    yield from (f"{name!r} is not {COUNT}" for name in COUNTS if not _is_count(fields.get(name)))
    if not fields["params_nonzero"] <= fields["params_total"] or not fields["params_total"]:
        yield "'params_nonzero' is not between 0 and 'params_total'"
    yield from (f"{name!r} is not {COUNT}" for name in RATIOS if not _is_count(fields.get(name) or 0))
    for point in scores:
        for name in ("val_accuracy", "test_accuracy"):
            if not isinstance(fields.get(point), dict) or not _is_count(fields[point].get(name), 1):
                yield f"'{point}.{name}' is not a number from 0 to 1"
        if not _has_numbers(fields[point]):
            yield f"{point!r} is not an object with numbers"
    yield from _errors_of_layers(fields.get("layers"))
    if not _is_list(fields.get("dead_layers"), str) or not all(map(_is_name, fields["dead_layers"])):
        yield "'dead_layers' is not a list of printable strings"


def _errors_of_layers(layers: Any) -> Iterator[str]:
    if not _are_entries(layers, ("total", "nonzero", "sparsity")) or len(layers) > MAX_LAYERS:
        yield f"'layers' is not a list of at most {MAX_LAYERS:,} objects with total, nonzero, sparsity"
    if not all(_is_name(layer.get("name")) for layer in layers):
        yield "'layers' has an entry without a printable name"


def _errors_of_single_values(fields: dict[str, Any]) -> Iterator[str]:
    if not _has_names(fields):
        yield f"has more than {MAX_FIELDS} fields, or a field without a printable name"
    for name, value in fields.items():
        if isinstance(value, dict | list) and name not in STRUCTURED:
            yield f"{name!r} is not a single value"


def _has_numbers(value: Any) -> bool:
    """Whether `value` is an object whose values are numbers or None."""
    return (
        isinstance(value, dict)
        and _has_names(value)
        and all(inner is None or type(inner) in (int, float) for inner in value.values())
    )


def _has_names(fields: dict[str, Any]) -> bool:
    names = "".join(fields)
    return len(fields) <= MAX_FIELDS and len(names) <= MAX_FIELDS * MAX_NAME and names.isprintable()


def _are_entries(value: Any, numbers: Sequence[str]) -> bool:
    return _is_list(value, dict) and all(_is_count(entry.get(name)) for entry in value for name in numbers)


def _is_count(value: Any, largest: float = LARGEST) -> bool:
    return type(value) in (int, float) and 0 <= value <= largest


def _is_whole(value: Any) -> bool:
    return type(value) is int and 0 <= value <= LARGEST


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and 0 < len(value) <= MAX_NAME


def _is_list(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(entry, kind) for entry in value)
