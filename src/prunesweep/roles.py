"""What a setting affects. Each field of the configuration declares its role once, where the field is defined.

The identity of a search, the grouping of runs in reports, and the settings taken over from a saved run all derive
from these roles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, get_type_hints


class Role(Enum):
    """What changes when a setting changes."""

    EXPERIMENT = "experiment"
    """The result. The default role."""

    REPETITION = "repetition"
    """The result, by chance alone: runs that differ only here repeat one experiment."""

    NUMERICS = "numerics"
    """The last bits of the result: the device and the number of threads."""

    SEARCH = "search"
    """The result of a search, or what is measured, but not the network of a single run."""

    NOTHING = "nothing"
    """No result: where files are stored, what a study is called, who is notified."""

    @property
    def tag(self) -> Mapping[str, Role]:
        """Metadata that gives a field this role: `field(default=0, metadata=Role.REPETITION.tag)`."""
        return {"role": self}


@cache
def role_of(schema: type, key: str) -> Role:
    """Return the role of the dotted `key` in the dataclass `schema`.

    A field's role holds for everything below it. Keys that the schema does not have, such as the fields of one
    particular network, change the experiment. Hydra's own settings change nothing.
    """
    name, _, rest = key.partition(".")
    if name == "hydra":
        return Role.NOTHING
    known: dict[str, Field[Any]] = {each.name: each for each in fields(schema)} if is_dataclass(schema) else {}
    if name not in known:
        return Role.EXPERIMENT
    role = known[name].metadata.get("role")
    if role is not None:
        return Role(role)
    return role_of(get_type_hints(schema)[name], rest) if rest else Role.EXPERIMENT
