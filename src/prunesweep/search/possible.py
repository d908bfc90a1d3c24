"""Leave options out of a search with which no run is possible, such as layers that the network does not have."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace

from prunesweep.search.conditions import as_text, narrow
from prunesweep.search.dimensions import Choice, Value
from prunesweep.search.space import Space


def possible(space: Space, obstacle: Callable[[list[str]], str | None]) -> tuple[Space, dict[str, str]]:
    """Return `space` without the options that are not possible, and `key=option` -> what is in the way.

    An option is left out if each combination with it that is examined has an obstacle, while another option of the same
    key is possible. Examined are its corners, and these with every option and end of each other key in turn.

    Args:
        space: The search space.
        obstacle: Returns what is in the way of a run with these overrides, or None.
    """
    left_out: dict[str, str] = {}
    remaining = {dimension.key: dimension for dimension in space.dimensions}
    for key, dimension in remaining.items():
        if not isinstance(dimension, Choice):
            continue
        obstacles = {option: _obstacle(space, key, option, obstacle) for option in dimension.options}
        options = tuple(option for option, found in obstacles.items() if found is None)
        if options and options != dimension.options:
            remaining[key] = replace(dimension, options=options)
            left_out |= {f"{key}={as_text(option)}": found for option, found in obstacles.items() if found}
    declared = {dimension.key: dimension for dimension in space.dimensions}
    return (Space.of(*narrow(remaining, space.conditions, declared)) if left_out else space), left_out


def _obstacle(space: Space, key: str, option: Value, obstacle: Callable[[list[str]], str | None]) -> str | None:
    """Return the obstacle of the first combination with `option`, or None if a combination without one is found."""
    first: str | None = None
    for values in _examined(space, key, option):
        found = obstacle(space.overrides(values))
        if found is None:
            return None
        first = first or found
    return first


def _examined(space: Space, key: str, option: Value) -> Iterator[dict[str, Value]]:
    """Yield each examined combination with `option` once, corners first."""
    corners = [values for values in space.corner_values() if key in values and values[key] == option]
    varied = (each for values in corners for other in space.keys for each in space.with_ends(values, other))
    seen = set()
    for values in itertools.chain(corners, varied):
        combination = space.combination(values)
        if key in values and values[key] == option and combination not in seen:
            seen.add(combination)
            yield values
