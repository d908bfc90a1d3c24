"""Dotted names for nested plain values, such as the content of JSON and YAML files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def leaves(values: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted name and the value of each leaf in nested dictionaries and lists.

    List items are named by their index. An empty dictionary or list is a leaf.
    """
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
