"""What is searched of one key: from Hydra's sweep syntax to a dimension whose values read as they were written.

Both ends of a range belong to it. A stepped value is the exact decimal (0.3, not 0.30000000000000004), an integer
stays one. What kind of number an interval holds, the setting itself says: finetune.epochs is an integer whatever the
interval's ends look like.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from prunesweep.errors import UsageError

Value = str | int | float | bool | None


@dataclass(frozen=True)
class Dimension(ABC):
    """One key that is searched."""

    key: str

    @property
    @abstractmethod
    def values(self) -> tuple[Value, ...] | None:
        """All values in order, or None where there is no end of them."""

    @property
    @abstractmethod
    def ends(self) -> tuple[Value, ...]:
        """Values that are allowed only if all are: both ends of a range, every option of a choice."""

    @property
    @abstractmethod
    def distribution(self) -> BaseDistribution:
        """As Optuna knows it."""

    @abstractmethod
    def exact(self, value: Any) -> Value:
        """What a sampler proposed, as the value it stands for."""

    @abstractmethod
    def distance(self, one: Value, other: Value) -> float:
        """Between two values, in [0, 1]."""

    @abstractmethod
    def __str__(self) -> str: ...


@dataclass(frozen=True)
class Choice(Dimension):
    """Values without an order."""

    options: tuple[Value, ...]

    @property
    def values(self) -> tuple[Value, ...]:
        return self.options

    @property
    def ends(self) -> tuple[Value, ...]:
        return self.options

    @property
    def distribution(self) -> BaseDistribution:
        return CategoricalDistribution(self.options)

    def exact(self, value: Any) -> Value:
        return value  # type: ignore[no-any-return]

    def distance(self, one: Value, other: Value) -> float:
        return float(one != other)

    def __str__(self) -> str:
        return f"choice({','.join(map(str, self.options))})"


@dataclass(frozen=True)
class Stepped(Dimension):
    """From `low` to `high` in equal steps, both ends included where the steps reach them."""

    low: Decimal
    high: Decimal
    step: Decimal
    whole: bool  # integers
    log: bool = False

    def __post_init__(self) -> None:
        if self.step <= 0 or self.low > self.high:
            raise UsageError(
                f"{self.key}={self}: holds no value. The first end must be the lower one, the step above 0."
            )

    @property
    def values(self) -> tuple[Value, ...]:
        return tuple(self._number(self.low + index * self.step) for index in range(self._last + 1))

    @property
    def ends(self) -> tuple[Value, ...]:
        return self._number(self.low), self._number(self.low + self._last * self.step)

    @property
    def _last(self) -> int:
        return int((self.high - self.low) / self.step)

    @property
    def distribution(self) -> BaseDistribution:
        high = self.low + self._last * self.step
        if self.whole:
            return IntDistribution(int(self.low), int(high), log=self.log, step=int(self.step))
        return FloatDistribution(float(self.low), float(high), step=float(self.step))

    def exact(self, value: Any) -> Value:
        index = round((Decimal(str(value)) - self.low) / self.step)
        return self._number(self.low + min(max(index, 0), self._last) * self.step)

    def _number(self, value: Decimal) -> int | float:
        return int(value) if self.whole else float(value)

    def distance(self, one: Value, other: Value) -> float:
        return abs(float(one or 0) - float(other or 0)) / max(float(self.high - self.low), float(self.step))

    def __str__(self) -> str:
        text = f"range({self.low},{self.high},step={self.step})"
        return f"tag(log,{text})" if self.log else text


@dataclass(frozen=True)
class Continuous(Dimension):
    """Any number between `low` and `high`, to six digits."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            allowed = "both above 0 for tag(log,…), " if self.log else ""
            raise UsageError(f"{self.key}={self}: holds no value. The ends must be {allowed}the lower one first.")

    @property
    def values(self) -> None:
        return None

    @property
    def ends(self) -> tuple[Value, ...]:
        return self.low, self.high

    @property
    def distribution(self) -> BaseDistribution:
        return FloatDistribution(self.low, self.high, log=self.log)

    def exact(self, value: Any) -> Value:
        return min(max(float(f"{value:.6g}"), self.low), self.high)

    def distance(self, one: Value, other: Value) -> float:
        return abs(float(one or 0) - float(other or 0)) / (self.high - self.low)

    def __str__(self) -> str:
        text = f"interval({self.low:g},{self.high:g})"
        return f"tag(log,{text})" if self.log else text


def dimension(override: Override, current: Any) -> Dimension:
    """What the sweep `override` searches; the type of the `current` value of its key is that of an interval's values.

    Raises:
        UsageError: it holds no value.
    """
    key, value = override.get_key_element(), override.value()
    if override.is_interval_sweep():
        return _interval(key, value, current)  # type: ignore[arg-type]
    if override.is_range_sweep() and not value.transformers and not value.shuffle:  # type: ignore[union-attr]
        return _range(key, value)  # type: ignore[arg-type]
    from hydra.core.override_parser.types import Transformer

    options = tuple(dict.fromkeys(override.sweep_iterator(transformer=Transformer.encode)))
    if not options:
        raise UsageError(f"{override.input_line}: holds no value.")
    return Choice(key, options)  # type: ignore[arg-type]


def _range(key: str, found: RangeSweep) -> Dimension:
    low, high, step = (Decimal(str(number)) for number in (found.start, found.stop, found.step))
    whole = all(isinstance(number, int) for number in (found.start, found.stop, found.step))
    return Stepped(key, low, high, step, whole)


def _interval(key: str, found: IntervalSweep, current: Any) -> Dimension:
    low, high, log = found.start, found.end, "log" in found.tags
    assert low is not None
    assert high is not None
    whole = isinstance(current, int) or (isinstance(low, int) and isinstance(high, int))
    if not whole or isinstance(current, float):
        return Continuous(key, float(low), float(high), log)
    if low != int(low) or high != int(high):
        raise UsageError(f"{key}=interval({low:g},{high:g}): the setting is an integer, so both ends must be.")
    return Stepped(key, Decimal(int(low)), Decimal(int(high)), Decimal(1), whole=True, log=log)
