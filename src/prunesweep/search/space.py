"""The space of a search: the combinations of what its keys may be."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution

from prunesweep.search.dimensions import Dimension, Value

Values = Mapping[str, Value]
LISTED = 50_000  # combinations up to which a space is gone through one by one


@dataclass(frozen=True)
class Space:
    """All keys that are searched, with what they may be."""

    dimensions: tuple[Dimension, ...]

    @property
    def size(self) -> int | None:
        """The number of combinations, or None where there is no end of them."""
        counts = [dimension.values and len(dimension.values) for dimension in self.dimensions]
        return None if None in counts else math.prod(counts)  # type: ignore[arg-type]

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """By key, as Optuna knows them."""
        return {dimension.key: dimension.distribution for dimension in self.dimensions}

    def exact(self, proposed: Mapping[str, Any]) -> dict[str, Value]:
        """The values that a sampler's proposal stands for, as far as it goes."""
        return {
            dimension.key: dimension.exact(proposed[dimension.key])
            for dimension in self.dimensions
            if dimension.key in proposed
        }

    def overrides(self, values: Values) -> list[str]:
        """As Hydra reads them."""
        return [f"{dimension.key}={_text(values[dimension.key])}" for dimension in self.dimensions]

    def corners(self) -> list[list[str]]:
        """Overrides in which every choice and both ends of every range occur, one key after the other."""
        ends = {dimension.key: dimension.ends for dimension in self.dimensions}
        first: dict[str, Value] = {key: values[0] for key, values in ends.items()}
        further = [{**first, key: value} for key, values in ends.items() for value in values[1:]]
        return [self.overrides(values) for values in (first, *further)]

    def nearest(self, values: Values, taken: Set[tuple[Value, ...]]) -> dict[str, Value] | None:
        """The combination not in `taken` that differs least from `values`; None where there is none or no end of them.

        Args:
            values: one value a key.
            taken: combinations, each in the order of the dimensions.
        """
        if self.size is None or self.size > LISTED:
            return None
        every = itertools.product(*(dimension.values or () for dimension in self.dimensions))
        free = (combination for combination in every if combination not in taken)
        here = self.combination(values)
        best = min(free, key=lambda there: self._distance(here, there), default=None)
        return None if best is None else dict(zip(self.keys, best, strict=True))

    @property
    def keys(self) -> list[str]:
        """What is searched, in order."""
        return [dimension.key for dimension in self.dimensions]

    def combination(self, values: Values) -> tuple[Value, ...]:
        """The values alone, in order."""
        return tuple(values[key] for key in self.keys)

    def _distance(self, here: Sequence[Value], there: Sequence[Value]) -> float:
        parts = zip(self.dimensions, here, there, strict=True)
        return math.fsum(dimension.distance(one, other) for dimension, one, other in parts)


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)
