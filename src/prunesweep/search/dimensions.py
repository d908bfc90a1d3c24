"""The dimensions of a search space: each is one key with its possible values.

Both ends of a range are included. The values of a stepped range are exact decimals (0.3, not 0.30000000000000004).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from prunesweep.errors import UsageError

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

Value = str | int | float | bool | None
FINE = 0.001  # distance to the neighbors of a value in an interval, as a fraction of the interval


@dataclass(frozen=True)
class Dimension(ABC):
    """A key that is searched."""

    key: str

    @property
    @abstractmethod
    def values(self) -> tuple[Value, ...] | None:
        """All values in order, or None for an interval."""

    @property
    @abstractmethod
    def ends(self) -> tuple[Value, ...]:
        """The values to check: if they are allowed, all values are. Both ends of a range, every option of a choice."""

    @abstractmethod
    def suggest(self, trial: BaseTrial) -> Value:
        """Let Optuna choose the value for `trial`."""

    @abstractmethod
    def exact(self, value: Any) -> Value:
        """Return the value of this dimension that is nearest to the number that a sampler proposed."""

    @abstractmethod
    def neighbors(self, value: Value) -> tuple[Value, ...]:
        """Return the values next to `value`; for a choice, all other options."""

    @abstractmethod
    def distance(self, one: Value, other: Value) -> float:
        """Return the distance between two values, from 0 to 1."""

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

    def suggest(self, trial: BaseTrial) -> Value:
        return trial.suggest_categorical(self.key, self.options)

    def exact(self, value: Any) -> Value:
        return value  # type: ignore[no-any-return]

    def neighbors(self, value: Value) -> tuple[Value, ...]:
        return tuple(option for option in self.options if option != value)

    def distance(self, one: Value, other: Value) -> float:
        return float(one != other)

    def __str__(self) -> str:
        return f"choice({','.join(map(str, self.options))})"


@dataclass(frozen=True)
class Stepped(Dimension):
    """Numbers from `low` to `high` in equal steps.

    Attributes:
        whole: Whether the values are integers.
        log: Whether samplers treat the range as logarithmic.
    """

    low: Decimal
    high: Decimal
    step: Decimal
    whole: bool
    log: bool = False

    def __post_init__(self) -> None:
        if self.step <= 0 or self.low > self.high:
            raise UsageError(
                f"{self.key}={self}: contains no value. The lower end must come first, and the step must be above 0."
            )

    @property
    def values(self) -> tuple[Value, ...]:
        return tuple(map(self._at, range(self._last + 1)))

    @property
    def ends(self) -> tuple[Value, ...]:
        return self._at(0), self._at(self._last)

    @property
    def _last(self) -> int:
        return int((self.high - self.low) / self.step)

    def _at(self, index: int) -> int | float:
        number = self.low + index * self.step
        return int(number) if self.whole else float(number)

    def _index(self, value: Any) -> int:
        return min(max(round((Decimal(str(value)) - self.low) / self.step), 0), self._last)

    def suggest(self, trial: BaseTrial) -> Value:
        low, high = self._at(0), self._at(self._last)
        if self.whole:
            return trial.suggest_int(self.key, int(low), int(high), step=int(self.step), log=self.log)
        return trial.suggest_float(self.key, low, high, step=float(self.step))

    def exact(self, value: Any) -> Value:
        return self._at(self._index(value))

    def neighbors(self, value: Value) -> tuple[Value, ...]:
        index = self._index(value)
        return tuple(self._at(other) for other in (index - 1, index + 1) if 0 <= other <= self._last)

    def distance(self, one: Value, other: Value) -> float:
        return abs(self._index(one) - self._index(other)) / max(self._last, 1)

    def __str__(self) -> str:
        text = f"range({self.low},{self.high},step={self.step})"
        return f"tag(log,{text})" if self.log else text


@dataclass(frozen=True)
class Continuous(Dimension):
    """Any number between `low` and `high`, rounded to six digits."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            allowed = "both above 0 for tag(log,...), " if self.log else ""
            raise UsageError(f"{self.key}={self}: contains no value. The ends must be {allowed}the lower one first.")

    @property
    def values(self) -> None:
        return None

    @property
    def ends(self) -> tuple[Value, ...]:
        return self.low, self.high

    def suggest(self, trial: BaseTrial) -> Value:
        return trial.suggest_float(self.key, self.low, self.high, log=self.log)

    def exact(self, value: Any) -> Value:
        return min(max(float(f"{value:.6g}"), self.low), self.high)

    def neighbors(self, value: Value) -> tuple[Value, ...]:
        here = self._position(value)
        return tuple(self.exact(self._at(there)) for there in (here - FINE, here + FINE) if 0 <= there <= 1)

    def distance(self, one: Value, other: Value) -> float:
        return abs(self._position(one) - self._position(other))

    def _position(self, value: Any) -> float:
        """Return where `value` is between the ends: 0 at `low`, 1 at `high`."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (float(value) - self.low) / (self.high - self.low)

    def _at(self, position: float) -> float:
        if self.log:
            return self.low * float((self.high / self.low) ** position)
        return self.low + position * (self.high - self.low)

    def __str__(self) -> str:
        text = f"interval({self.low:g},{self.high:g})"
        return f"tag(log,{text})" if self.log else text


def stepped(key: str, low: float | Decimal, high: float | Decimal, step: float | Decimal) -> Stepped:
    """Return the range from `low` to `high`; the values are integers if all three numbers are.

    Raises:
        UsageError: The range contains no value.
    """
    whole = all(isinstance(number, int) for number in (low, high, step))
    return Stepped(key, Decimal(str(low)), Decimal(str(high)), Decimal(str(step)), whole)


def interval(key: str, low: float, high: float, *, log: bool, current: Any) -> Dimension:
    """Return the interval from `low` to `high`, of integers or of any numbers.

    The type of `current`, the present value of the setting, decides. Without it, two integers as ends make an interval
    of integers.

    Raises:
        UsageError: The interval contains no value, or the setting is an integer and an end is not.
    """
    whole = isinstance(current, int) or (isinstance(low, int) and isinstance(high, int))
    if not whole or isinstance(current, float):
        return Continuous(key, float(low), float(high), log)
    if low != int(low) or high != int(high):
        raise UsageError(f"{key}=interval({low:g},{high:g}): the setting is an integer, so both ends must be integers.")
    return Stepped(key, Decimal(int(low)), Decimal(int(high)), Decimal(1), whole=True, log=log)
