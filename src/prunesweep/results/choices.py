"""The options of the configuration's groups that a run used, as typed: `prune=random_layerwise`, `layers=all`.

Hydra saves them beside the configuration, whose values do not always identify them: `prune=random` and
`prune=random_layerwise` have the same criterion.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from prunesweep.results.plain_yaml import parse_yaml

GROUPS = ("model", "dataset", "layers", "prune", "schedule", "optimizer")
"""The groups whose options define an experiment."""
NAMES = ("name", "criterion")
"""The setting with the name of a group's option, if there is one: `model.name`, `prune.criterion`."""
MAX_NAME = 200
"""The largest length of the name of an option."""
BLOCK = re.compile(r"^( +)choices:\n((?:\1 +.*\n)+)", re.MULTILINE)
"""The entry `choices` in Hydra's saved configuration. The other entries are long, and parsing takes time."""


def choices(hydra: str, overrides: Sequence[str], settings: Mapping[str, object]) -> dict[str, str]:
    """Return the option of each group, as far as it is known.

    Args:
        hydra: The content of `.hydra/hydra.yaml`, or an empty text. Runs of the Python API have none.
        overrides: The overrides of the run.
        settings: The settings of the run under dotted keys. Without Hydra's file, the option is the overridden one, or
            has the name of the network, criterion or schedule.
    """
    block = BLOCK.search(hydra)
    saved = _parsed(block[2]) if block else {}
    typed = dict(pairs(overrides))
    options = ((group, saved.get(group) or typed.get(group) or _named(group, typed, settings)) for group in GROUPS)
    return {group: str(option) for group, option in options if _is_name(option)}


def pairs(overrides: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield key and value of each override that has both."""
    for text in overrides:
        key, equals, value = text.partition("=")
        if equals:
            yield key.lstrip("+"), value


def _named(group: str, typed: Mapping[str, str], settings: Mapping[str, object]) -> object:
    keys = [key for each in NAMES if (key := f"{group}.{each}") in settings]
    return settings[keys[0]] if keys and keys[0] not in typed else None


@lru_cache(maxsize=4_096)
def _parsed(block: str) -> Mapping[str, object]:
    try:
        found = parse_yaml(block)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _is_name(option: object) -> bool:
    return isinstance(option, str) and option.isprintable() and 0 < len(option) <= MAX_NAME
