"""What all trials of a study have in common: the search space, the objectives and the other settings.

Two searches are the same search if their definitions are equal. Settings that change no result are not part of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from prunesweep.config import RunConfig
from prunesweep.files import canonical
from prunesweep.roles import Role, role_of
from prunesweep.search.space import Space

Definition = dict[str, dict[str, str]]
PARTS = {Role.SEARCH: "search", Role.EXPERIMENT: "settings", Role.REPETITION: "settings"}
"""The part of the definition that contains the settings of a role. Settings of other roles are not part of it."""


def definition(config: RunConfig, space: Space) -> Definition:
    """Return the definition of a search of `space` in which all other settings are those of `config`."""
    parts: Definition = {"space": {}, "search": {}, "settings": {}}
    for dimension in space.dimensions:
        condition = space.conditions.get(dimension.key)
        parts["space"][dimension.key] = f"{dimension}" if condition is None else f"{dimension} if {condition}"
    for key, text in _settings(asdict(config)):
        part = PARTS.get(role_of(RunConfig, key))
        searched = any(key == name or key.startswith(f"{name}.") for name in space.keys)
        if part is not None and not searched:
            parts[part][key] = text
    return parts


def _settings(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in node.items():
        if isinstance(value, dict) and value:
            yield from _settings(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)


def differences(before: Definition, now: Definition) -> list[str]:
    """Return a line for each key that has another value in `now` than in `before`.

    Ignores settings of `before` that are not part of a definition any more.
    """
    lines = []
    for part, new in now.items():
        old = {
            key: value
            for key, value in before.get(part, {}).items()
            if part == "space" or role_of(RunConfig, key) in PARTS
        }
        lines += [
            f"{key}: {old.get(key, 'absent')} -> {new.get(key, 'absent')}"
            for key in dict.fromkeys([*old, *new])
            if old.get(key) != new.get(key)
        ]
    return lines


def default_name(choice: str, definition: Definition, sampler: Mapping[str, Any]) -> str:
    """Return the study's name if none is given, such as `tradeoff-1b2c3d4e`.

    The same search with the same sampler has the same name, so running it again continues it.

    Args:
        choice: The option of the group `search`.
        definition: The definition of the search.
        sampler: The sampler's settings.
    """
    return f"{choice}-{hashlib.sha256(canonical([definition, sampler])).hexdigest()[:8]}"
