"""What a user did that cannot be: one message that names the key, the value and what is allowed."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import shlex
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

EXTRAS = {"joblib": "joblib", "ray": "ray", "submitit_local": "slurm", "submitit_slurm": "slurm"}
"""Launchers that an extra of this package brings."""


class UsageError(ValueError):
    """A setting, a file or a machine that does not fit. Its text is meant for the user and stands alone."""


def suggestion(value: str, options: Iterable[str]) -> str:
    """`" Did you mean 'lenet5'?"` for the nearest of `options`, or nothing where none is near."""
    near = difflib.get_close_matches(value, list(options), n=1, cutoff=0.6)
    return f" Did you mean {near[0]!r}?" if near else ""


def check_choice(key: str, value: str, options: Iterable[str]) -> None:
    """Raise `UsageError` unless `value` is one of `options`."""
    options = list(options)
    if value not in options:
        raise UsageError(f"{key}={value}: must be one of {', '.join(options)}.{suggestion(value, options)}")


def check_range(key: str, value: float, low: float, high: float = float("inf"), *, above: bool = False) -> None:
    """Raise `UsageError` unless low <= value <= high, or low < value where `above` is set. NaN is never allowed."""
    if not (low < value if above else low <= value) or not value <= high:
        bound = f"above {low:g}" if above else f"at least {low:g}"
        allowed = bound if high == float("inf") else f"{bound} and at most {high:g}"
        raise UsageError(f"{key}={value}: must be {allowed}.")


@contextmanager
def one_message() -> Iterator[None]:
    """Around Hydra's main: an error becomes one message and exit code 1; its traceback if HYDRA_FULL_ERROR=1.

    SIGINT and SIGTERM end the run in good order, with the command that continues it and the exit code of the signal.
    What that command needs beyond the one that was given stands in the arguments of the interrupt.
    """
    signal.signal(signal.SIGTERM, _terminate)
    full = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # so that Hydra lets the error through instead of printing it
    try:
        yield
    except KeyboardInterrupt as interrupt:
        command = shlex.join([Path(sys.executable).name, *sys.argv, *map(str, interrupt.args)])
        print(f"interrupted. Every finished step is stored; this does the rest:\n  {command}", file=sys.stderr)
        sys.exit(128 + (signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT))
    except Exception as error:
        if full:
            raise
        sys.exit(f"error: {told(error)}")


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a run as Control-C does."""


def _terminate(*_: object) -> None:
    raise Terminated


def told(error: Exception) -> str:
    """The text for the user: one of ours as it is, Hydra's and OmegaConf's without their inner names."""
    if isinstance(error, UsageError | ArithmeticError):
        return str(error)
    missing, options = getattr(error, "missing_cfg_file", None), getattr(error, "options", None)
    if missing and options:
        group, _, option = missing.rpartition("/")
        extra = EXTRAS.get(option) if group == "hydra/launcher" else None
        hint = f" pip install -e '.[{extra}]' adds it." if extra else suggestion(option, options)
        return f"{group}={option}: must be one of {', '.join(options)}.{hint}"
    if type(error).__module__.startswith(("hydra.", "omegaconf.")):
        return _of_hydra(error)
    return f"{type(error).__name__}: {error} (HYDRA_FULL_ERROR=1 shows the traceback)"


def _of_hydra(error: BaseException) -> str:
    lines = [text.strip().rstrip(".") for text in f"{error}\n{error.__cause__ or ''}".splitlines()]
    internal = ("full_key:", "object_type=", "reference_type=", "To append to your config")
    told_once = list(dict.fromkeys(text for text in lines if text and not text.startswith(internal)))
    return (". ".join(told_once) + "." + _keys_beside(error.__cause__ or error)).replace("?.", "?")


def _keys_beside(error: BaseException) -> str:
    """For a key that does not exist, those that do; nothing for any other error."""
    node = getattr(error, "parent_node", None)
    is_key_error = type(error).__name__ in ("ConfigKeyError", "ConfigAttributeError")
    keys = ", ".join(key for key in node if key != "hydra") if is_key_error and node is not None else ""
    return f" The keys are {keys}." if keys else ""


def need_extra(what: str, extra: str, *modules: str) -> None:
    """Raise `UsageError` unless all `modules`, which the optional `extra` brings, are installed."""
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        raise UsageError(f"{what} needs {' and '.join(missing)}: install prunesweep with its extra [{extra}].")
