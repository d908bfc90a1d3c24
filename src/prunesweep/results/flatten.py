"""Nested plain values, as JSON and YAML hold them, under dotted names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def leaves(values: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The values in nested dictionaries and lists, each with its dotted name; an empty one is a value itself."""
    items: list[tuple[Any, Any]]
    if isinstance(values, dict) and values:
        items = list(values.items())
    elif isinstance(values, list) and values:
        items = list(enumerate(values))
    else:
        yield name, values
        return
    for key, value in items:
        yield from leaves(value, f"{name}.{key}" if name else str(key))
