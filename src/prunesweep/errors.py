"""Checks of user input. Each message names the key, the value and what is allowed.

Imports nothing from the package.
"""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

MAX_COUNT = 2**31 - 1
"""The largest count in a setting, such as a batch size. Libraries represent counts with 32 bits in places."""


OTHER_NAMES = {
    "magnitude": "l1",
    "abs": "l1",
    "hessian": "obd",
    "imp": "lottery",
    "lth": "lottery",
    "xavier_normal": "glorot_normal",
    "xavier_uniform": "glorot_uniform",
    "xavier": "glorot_uniform",
    "kaiming_normal": "he_normal",
    "kaiming_uniform": "he_uniform",
    "variance_scaling": "lecun_normal",
}
"""Names from the literature, and the options of this package that they mean."""


class UsageError(ValueError):
    """A setting, a file or a machine does not fit. The message is meant for the user and complete in itself."""


def printable(value: object, *, lines: bool = False) -> str:
    """Return `value` as text that cannot control a terminal, for everything that may come from other people's files.

    Escape sequences, other control characters and bytes that are not UTF-8 are written as escapes such as `\\x1b`.

    Args:
        value: Any value.
        lines: Keep line breaks and tabs. By default the text is on one line.
    """
    text = str(value)
    if text.isprintable():
        return text
    kept = "\n\t" if lines else ""
    return "".join(char if char.isprintable() or char in kept else ascii(char)[1:-1] for char in text)


def nearest(value: str, options: Iterable[str]) -> str | None:
    """Return the option nearest to `value`, or None if none is near."""
    return next(iter(difflib.get_close_matches(value, list(options), n=1, cutoff=0.6)), None)


def suggestion(value: str, options: Iterable[str]) -> str:
    """Return `" Did you mean 'lenet5'?"` with the option nearest to `value`, or an empty string if none is near."""
    options, other = list(options), OTHER_NAMES.get(value.lower())
    near = other if other in options else nearest(value, options)
    return f" Did you mean {near!r}?" if near else ""


def check_choice(key: str, value: str, options: Iterable[str]) -> None:
    """Raise `UsageError` unless `value` is one of `options`."""
    options = list(options)
    if value not in options:
        raise UsageError(f"{key}={value}: must be one of {', '.join(options)}.{suggestion(value, options)}")


def check_range(key: str, value: float, low: float, high: float = float("inf"), *, above: bool = False) -> None:
    """Raise `UsageError` unless `low <= value <= high`, or `low < value <= high` if `above`. NaN is never allowed."""
    if not (low < value if above else low <= value) or not value <= high:
        bound = f"above {low:g}" if above else f"at least {low:g}"
        allowed = bound if high == float("inf") else f"{bound} and at most {high:g}"
        is_percentage = (low, high) == (0, 1) and 1 < value <= 100
        hint = f" For {value:g} %, write {key}={value / 100:g}." if is_percentage else ""
        raise UsageError(f"{key}={value}: must be {allowed}.{hint}")


def need_extra(feature: str, extra: str, *modules: str) -> None:
    """Raise `UsageError` unless all `modules`, which the optional `extra` installs, can be imported."""
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        raise UsageError(f"{feature} needs {' and '.join(missing)}: install prunesweep with its extra [{extra}].")


class Fatal(BaseException):
    """An error that must end the process, raised from its cause.

    Hydra turns an `Exception` in a callback into a warning.
    """


@contextmanager
def fatal() -> Iterator[None]:
    """Raise each `Exception` of the block as `Fatal`."""
    try:
        yield
    except Exception as error:
        raise Fatal from error
