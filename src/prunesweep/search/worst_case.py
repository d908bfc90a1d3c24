"""The most expensive combination of a search space, for the plan of a search."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prunesweep.search.dimensions import Value
from prunesweep.search.space import Space

ROUNDS = 2
"""How often every key is varied. Prices hardly depend on several keys in opposite ways, so two rounds are enough."""


def most_expensive(space: Space, price: Callable[[list[str]], Any]) -> list[str]:
    """Return the overrides of the most expensive combination that was found.

    The search starts at the most expensive corner and varies one key after the other, because a corner has an extreme
    value of only one key.

    Args:
        space: The search space.
        price: Returns the price of the combination with these overrides, as something that can be compared.
    """
    prices: dict[tuple[str, ...], Any] = {}

    def priced(values: dict[str, Value]) -> Any:
        overrides = space.overrides(values)
        if tuple(overrides) not in prices:
            prices[tuple(overrides)] = price(overrides)
        return prices[tuple(overrides)]

    best = max(space.corner_values(), key=priced)
    for _ in range(ROUNDS):
        for key in space.keys:
            best = max([best, *space.with_ends(best, key)], key=priced)
    return space.overrides(best)
