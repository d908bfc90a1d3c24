"""Checks of user input, and error messages: each names the key, the value and what is allowed.

Imports nothing from the package.
"""

from __future__ import annotations

import difflib
import importlib.util
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

EXTRAS = {"joblib": "joblib", "ray": "ray", "submitit_local": "slurm", "submitit_slurm": "slurm"}
"""Hydra launchers, and the optional extra of this package that installs each of them."""


ADD_M = "add -m"
"""How to sweep over several values."""
MAX_COUNT = 2**31 - 1
"""The largest count in a setting, such as a batch size. Libraries represent counts with 32 bits in places."""


OTHER_NAMES = {"magnitude": "l1", "abs": "l1", "hessian": "obd", "imp": "lottery", "lth": "lottery"}
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


def message_of(error: Exception) -> str:
    """Return the message of `error` for the user, without the internal names of Hydra and OmegaConf."""
    if isinstance(error, UsageError | ArithmeticError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror
    missing, options = getattr(error, "missing_cfg_file", None), getattr(error, "options", None)
    if missing and options:
        return _missing_option(missing, options)
    if type(error).__module__.startswith(("hydra.", "omegaconf.")):
        return _without_internals(error)
    return f"{type(error).__name__}: {error} (set HYDRA_FULL_ERROR=1 to see the traceback)"


def _missing_option(config: str, options: Sequence[str]) -> str:
    """Return the message for `config`, `model/lenet6` say, which is not among the options of its group."""
    group, _, option = config.rpartition("/")
    extra = EXTRAS.get(option) if group == "hydra/launcher" else None
    hint = f" To add it: pip install -e '.[{extra}]'." if extra else suggestion(option, options)
    return f"{group}={option}: must be one of {', '.join(options)}.{hint}"


def _without_internals(error: BaseException) -> str:
    several = re.match(r"Ambiguous value for argument '(.*)'$", str(error).partition("\n")[0])
    if several:
        key, _, values = several[1].partition("=")
        return f"{key}={values}: has several values. To run all of them, {ADD_M}. A list is written {key}=[{values}]."
    lines = [line.strip().rstrip(".") for line in f"{error}\n{error.__cause__ or ''}".splitlines()]
    internal = ("full_key:", "object_type=", "reference_type=", "To append to your config")
    distinct = dict.fromkeys(line for line in lines if line and not line.startswith(internal))
    return (". ".join(distinct) + "." + _available_keys(error.__cause__ or error)).replace("?.", "?")


def _available_keys(error: BaseException) -> str:
    """Return the keys that exist where `error` reports an unknown key, or an empty string for any other error."""
    node = getattr(error, "parent_node", None)
    if type(error).__name__ not in ("ConfigKeyError", "ConfigAttributeError") or node is None:
        return ""
    keys = ", ".join(key for key in node if key != "hydra")
    return (f" The keys are {keys}." if keys else "") + _of_swept_options(str(getattr(error, "full_key", "")))


def _of_swept_options(key: str) -> str:
    """Return how to set `key` if this command sweeps over the options of its group.

    Hydra checks all values that are not swept against the default option of the group, here `schedule=one_shot` for
    `schedule.rounds`, although no run of the sweep has this option.
    """
    group, *below = key.split(".")
    given = {name: value for name, _, value in (argument.partition("=") for argument in sys.argv[1:])}
    if not below or key not in given or not re.search(r",|\(", given.get(group, "")):
        return ""
    return f" For the options of {group} that are swept, write '{key}=choice({given[key]})'."
