"""Conditions of a search space: a key that is searched only where another key has certain values."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prunesweep.errors import UsageError, suggestion
from prunesweep.search.dimensions import Dimension, Value

SETTING = "hydra.sweeper.conditions"


@dataclass(frozen=True)
class Condition:
    """A key is searched only where the key `parent` has one of `values`."""

    parent: str
    values: tuple[Value, ...]

    def __str__(self) -> str:
        return f"{self.parent}={','.join(map(as_text, self.values))}"


def as_text(value: Value) -> str:
    """Return `value` as an override contains it."""
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)


def check_keys(conditions: Mapping[str, Condition], keys: Sequence[str]) -> None:
    """Check that conditions contain only searched keys and that no key depends on itself.

    Raises:
        UsageError: A key is not one of `keys`, or conditions form a cycle.
    """
    for key, condition in conditions.items():
        for name in (key, condition.parent):
            if name not in keys:
                raise UsageError(
                    f"{SETTING}: {key}: {condition}: {name} is not searched. "
                    f"The searched keys are {', '.join(keys)}.{suggestion(name, keys)}"
                )
    for key in conditions:
        _ancestors(key, conditions)


def narrow(
    dimensions: Mapping[str, Dimension], conditions: Mapping[str, Condition], declared: Mapping[str, Dimension]
) -> tuple[list[Dimension], dict[str, Condition]]:
    """Apply conditions to a search whose ranges were replaced on the command line.

    Values that a replacement removed are removed from the conditions as well. A key whose condition has no value left
    is not searched.

    Args:
        dimensions: The searched dimensions by key.
        conditions: The conditions by key, after `check_keys`.
        declared: The dimensions by key as the search's own file declares them.

    Returns:
        The remaining dimensions and conditions.
    """
    remaining = dict(dimensions)
    narrowed: dict[str, Condition] = {}
    for key in sorted(conditions, key=lambda key: len(_ancestors(key, conditions))):
        parent = conditions[key].parent
        values = conditions[key].values
        if parent in declared and parent in remaining:
            before, now = declared[parent].values, remaining[parent].values
            if before is not None and now is not None:
                values = tuple(value for value in values if value in now or value not in before)
        if values and parent in remaining:
            narrowed[key] = Condition(parent, values)
        else:
            remaining.pop(key)
    return list(remaining.values()), narrowed


def in_order(dimensions: Sequence[Dimension], conditions: Mapping[str, Condition]) -> tuple[Dimension, ...]:
    """Return the dimensions with each parent before its children, otherwise in the given order.

    Raises:
        UsageError: A condition does not fit the dimensions or the other conditions.
    """
    known = {dimension.key: dimension for dimension in dimensions}
    check_keys(conditions, list(known))
    for key, condition in conditions.items():
        _check_values(key, condition, known[condition.parent].values)
    return tuple(sorted(dimensions, key=lambda dimension: len(_ancestors(dimension.key, conditions))))


def requirements(key: str, conditions: Mapping[str, Condition]) -> list[str]:
    """Return overrides of other keys under which `key` is searched."""
    path = [key, *_ancestors(key, conditions)]
    return [f"{parent}={as_text(conditions[child].values[0])}" for child, parent in itertools.pairwise(path)]


def _check_values(key: str, condition: Condition, values: Sequence[Value] | None) -> None:
    if values is None:
        raise UsageError(
            f"{SETTING}: {key}: {condition}: {condition.parent} is searched over an interval, and a condition needs "
            "single values. Use choice(...) or range(...)."
        )
    allowed = list(map(as_text, values))
    for value in map(as_text, condition.values):
        if value not in allowed:
            raise UsageError(
                f"{SETTING}: {key}: {condition}: {value} is not a value of {condition.parent} in this search. "
                f"The values are {', '.join(allowed)}.{suggestion(value, allowed)}"
            )


def _ancestors(key: str, conditions: Mapping[str, Condition]) -> list[str]:
    """Return the parent of `key`, the parent of that, and so on."""
    path = [key]
    while path[-1] in conditions:
        parent = conditions[path[-1]].parent
        if parent in path:
            raise UsageError(
                f"{SETTING}: {' depends on '.join([*path, parent])}. "
                "Remove one of these conditions: a key must not depend on itself."
            )
        path.append(parent)
    return path[1:]
