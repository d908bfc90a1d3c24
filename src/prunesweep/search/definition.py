"""What all runs of a sweep have in common: the values of the searched keys, the objectives and the other settings.

Two sweeps are the same sweep if their definitions are equal. Settings that change no result are not part of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from prunesweep.config import RunConfig
from prunesweep.data.settings import NamedDataset
from prunesweep.errors import UsageError
from prunesweep.files import canonical, read_regular, sha256
from prunesweep.messages import message_of
from prunesweep.models.settings import MAX_WEIGHTS
from prunesweep.roles import Role, role_of

Definition = dict[str, dict[str, str]]
PARTS = {Role.SEARCH: "search", Role.EXPERIMENT: "settings", Role.REPETITION: "settings"}
"""The part of the definition that contains the settings of a role. Settings of other roles are not part of it."""


def settings(node: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield all settings in `node`, a dataclass such as `RunConfig`, under dotted keys, with their values as text."""
    values = node if isinstance(node, dict) else {field.name: getattr(node, field.name) for field in fields(node)}
    for key, value in values.items():
        if is_dataclass(value) or (isinstance(value, dict) and value):
            yield from settings(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)


def contents(run: RunConfig) -> Iterator[tuple[str, str]]:
    """Yield the hash of each file of the user's that `run` depends on, under a key like that of a setting.

    Raises:
        UsageError: A file cannot be read.
    """
    if not isinstance(run.dataset, NamedDataset):
        # Imported here because it imports torch, for which a sweep with launchers of its own need not wait.
        from prunesweep.data.datasets import content_hash

        yield "dataset.content", content_hash(run.dataset)
    if run.model.weights:
        try:
            yield "model.content", sha256(read_regular(Path(run.model.weights).expanduser(), MAX_WEIGHTS))
        except (OSError, ValueError) as error:
            raise UsageError(f"model.weights={run.model.weights}: cannot be read ({message_of(error)}).") from error


def shared_settings(runs: Iterable[RunConfig]) -> dict[str, str]:
    """Return the settings of all `runs`, and the contents of the user's files.

    If a setting has several values, they are separated by `|`.
    """
    values: dict[str, dict[str, None]] = {}
    for run in runs:
        for key, text in (*settings(run), *contents(run)):
            values.setdefault(key, {})[text] = None
    return {key: " | ".join(texts) for key, texts in values.items()}


def definition(shared: Mapping[str, str], searched: Mapping[str, str]) -> Definition:
    """Return the definition of a sweep.

    Args:
        shared: The settings of runs in which every value of each choice occurs. A setting that depends on a searched
            key has several values, such as `optimizer.lr` if the option of `optimizer` is searched.
        searched: The searched keys, each with a description of its values.
    """
    parts: Definition = {"space": dict(searched), "search": {}, "settings": {}}
    for key, text in shared.items():
        part = PARTS.get(role_of(RunConfig, key))
        if part is not None and key not in searched:
            parts[part][key] = text
    return parts


def numerics(shared: Mapping[str, str]) -> dict[str, str]:
    """Return the settings among `shared` that change only the last bits of the results."""
    return {key: text for key, text in shared.items() if role_of(RunConfig, key) is Role.NUMERICS}


def differences(before: Definition, now: Definition) -> list[str]:
    """Return a line for each key that has another value in `now` than in `before`.

    Ignores settings of `before` that are not part of a definition any more.
    """
    old, new = _flat(before), _flat(now)
    return [
        f"{key}: {old.get(key, 'absent')} -> {new.get(key, 'absent')}"
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key)
    ]


def _flat(definition: Definition) -> dict[str, str]:
    return {
        key: text
        for part, texts in definition.items()
        for key, text in texts.items()
        if part not in PARTS.values() or role_of(RunConfig, key) in PARTS
    }


def default_name(choice: str, definition: Definition, sampler: Mapping[str, Any]) -> str:
    """Return the study's name if none is given, such as `tradeoff-1b2c3d4e`.

    The same search with the same sampler has the same name, so running it again continues it.

    Args:
        choice: The option of the group `search`.
        definition: The definition of the search.
        sampler: The sampler's settings.
    """
    return f"{choice}-{hashlib.sha256(canonical([definition, sampler])).hexdigest()[:8]}"
