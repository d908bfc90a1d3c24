"""The search space: the distinct combinations of the values of all searched keys."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from prunesweep.search.conditions import Condition, as_text, in_order
from prunesweep.search.dimensions import Dimension, Value

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

Values = Mapping[str, Value]
Combination = tuple[tuple[str, Value], ...]


@dataclass(frozen=True)
class Space:
    """The searched keys with their possible values, and the conditions under which a key is searched.

    Values of a combination are a mapping that contains only the keys that are searched in it.

    Attributes:
        dimensions: One per key, each parent before its children.
        conditions: By the key that is searched only where the condition holds.
    """

    dimensions: tuple[Dimension, ...]
    conditions: Mapping[str, Condition] = field(default_factory=dict)

    @classmethod
    def of(cls, dimensions: Sequence[Dimension], conditions: Mapping[str, Condition]) -> Space:
        """Return the space of `dimensions`, in any order, under `conditions`.

        Raises:
            UsageError: A condition does not fit the dimensions or the other conditions.
        """
        return cls(in_order(dimensions, conditions), conditions)

    @property
    def keys(self) -> list[str]:
        """All searched keys, in order."""
        return [dimension.key for dimension in self.dimensions]

    @property
    def texts(self) -> dict[str, str]:
        """The searched keys, each with its values as text and the condition under which it is searched."""
        texts = {}
        for dimension in self.dimensions:
            condition = self.conditions.get(dimension.key)
            texts[dimension.key] = f"{dimension}" if condition is None else f"{dimension} if {condition}"
        return texts

    @cached_property
    def size(self) -> int | None:
        """The number of distinct combinations, or None if an interval makes it infinite."""
        finite = all(dimension.values is not None for dimension in self.dimensions)
        return self._completions(self.dimensions, {}) if finite else None

    def at(self, index: int) -> dict[str, Value]:
        """Return combination number `index` of a finite space. The values of the last key vary fastest."""
        values: dict[str, Value] = {}
        for position, dimension in enumerate(self.dimensions):
            if not self._is_searched(dimension, values):
                continue
            for value in dimension.values or ():
                values[dimension.key] = value
                count = self._completions(self.dimensions[position + 1 :], values)
                if index < count:
                    break
                index -= count
        return values

    def suggest(self, trial: BaseTrial) -> dict[str, Value]:
        """Let Optuna choose a combination for `trial`."""
        values: dict[str, Value] = {}
        for dimension in self.dimensions:
            if self._is_searched(dimension, values):
                values[dimension.key] = dimension.suggest(trial)
        return values

    def exact(self, proposed: Mapping[str, Any]) -> dict[str, Value]:
        """Return the exact values that a sampler's proposal stands for, for the searched keys in it."""
        return {
            dimension.key: dimension.exact(proposed[dimension.key])
            for dimension in self.dimensions
            if dimension.key in proposed
        }

    def overrides(self, values: Values) -> list[str]:
        """Return the overrides `key=value` of a combination."""
        return [f"{key}={as_text(value)}" for key, value in self.combination(values)]

    def combination(self, values: Values) -> Combination:
        """Return the keys and values of a combination in the order of the dimensions, as something hashable."""
        return tuple((key, values[key]) for key in self.keys if key in values)

    def is_complete(self, values: Values) -> bool:
        """Whether `values` contain exactly the keys that are searched in this combination."""
        return {dimension.key for dimension in self.dimensions if self._is_searched(dimension, values)} == set(values)

    def complete(self, values: Values) -> dict[str, Value]:
        """Return the combination with `values` as far as their keys are searched in it, and first values otherwise."""
        complete: dict[str, Value] = {}
        for dimension in self.dimensions:
            if self._is_searched(dimension, complete):
                complete[dimension.key] = values.get(dimension.key, dimension.ends[0])
        return complete

    def corners(self) -> list[list[str]]:
        """Return the overrides of combinations that contain every option of each choice and both ends of each range.

        A key under a condition occurs with each value that the condition allows.
        """
        return [list(texts) for texts in dict.fromkeys(tuple(self.overrides(each)) for each in self.corner_values())]

    def corner_values(self) -> list[dict[str, Value]]:
        """Return the values of the combinations of `corners`. Some can occur twice."""
        corners = [self.complete({})]
        for dimension in self.dimensions:
            for required in self._requirements(dimension.key):
                corners += [self.complete({**required, dimension.key: value}) for value in dimension.ends]
        return corners

    def with_ends(self, values: Values, key: str) -> list[dict[str, Value]]:
        """Return `values` with each option or end of `key` in its place. Empty if `key` is not searched there."""
        ends = next(dimension.ends for dimension in self.dimensions if dimension.key == key)
        return [self.complete({**values, key: value}) for value in ends] if key in values else []

    def nearest(self, values: Values, taken: Set[Combination]) -> dict[str, Value] | None:
        """Return the combination outside `taken` that differs least from `values`, or None if there is none.

        Visits combinations by growing distance. It stops at the first one outside `taken`, so it visits at most
        `len(taken) + 1` combinations, however large the space is.
        """
        number = itertools.count()  # ties are broken by the order of discovery
        queue = [(0.0, next(number), dict(values))]
        discovered = {self.combination(values)}
        while queue:
            _, _, nearest = heapq.heappop(queue)
            if self.combination(nearest) not in taken:
                return nearest
            for other in self._neighbors(nearest):
                combination = self.combination(other)
                if combination not in discovered:
                    discovered.add(combination)
                    heapq.heappush(queue, (self.distance(values, other), next(number), other))
        return None

    def distance(self, one: Values, other: Values) -> float:
        """Return the sum of the distances of the keys that both combinations contain."""
        return math.fsum(
            dimension.distance(one[dimension.key], other[dimension.key])
            for dimension in self.dimensions
            if dimension.key in one and dimension.key in other
        )

    def _neighbors(self, values: Values) -> Iterator[dict[str, Value]]:
        """Yield the combinations that differ from `values` by one step of one key."""
        for dimension in self.dimensions:
            if dimension.key in values:
                for value in dimension.neighbors(values[dimension.key]):
                    yield self.complete({**values, dimension.key: value})

    def _is_searched(self, dimension: Dimension, values: Values) -> bool:
        condition = self.conditions.get(dimension.key)
        return condition is None or (condition.parent in values and values[condition.parent] in condition.values)

    def _requirements(self, key: str) -> list[dict[str, Value]]:
        """Return the values of other keys under which `key` is searched, one mapping per value of its condition."""
        condition = self.conditions.get(key)
        if condition is None:
            return [{}]
        first = self._requirements(condition.parent)[0]
        return [{**first, condition.parent: value} for value in condition.values]

    def _completions(self, rest: Sequence[Dimension], values: Values) -> int:
        """Return the number of combinations of the dimensions `rest`, given the `values` of those before."""
        return math.prod(self._counts[dimension.key] for dimension in rest if self._is_searched(dimension, values))

    @cached_property
    def _counts(self) -> dict[str, int]:
        """The number of combinations of each key and all keys that depend on it, in a finite space."""
        counts: dict[str, int] = {}
        for dimension in reversed(self.dimensions):
            children = {key: each.values for key, each in self.conditions.items() if each.parent == dimension.key}
            counts[dimension.key] = sum(
                math.prod(counts[child] for child, allowed in children.items() if value in allowed)
                for value in dimension.values or ()
            )
        return counts
