"""What is not always there: a user's own code, by its import path `my_package.Net`, and the optional extras."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from typing import Any

from prunesweep.errors import UsageError


def locate(key: str, path: str) -> Any:
    """The object at the dotted import path `path`.

    Raises:
        UsageError: there is no such module or attribute, or importing it failed; names `key` and says why.
    """
    module, _, name = path.rpartition(".")
    if not module:
        raise UsageError(f"{key}={path}: must be an import path with a module, like my_package.{path or 'Net'}.")
    try:
        return getattr(importlib.import_module(module), name)
    except Exception as error:  # importing runs the user's code, which may raise anything
        raise UsageError(
            f"{key}={path}: cannot be imported ({type(error).__name__}: {error}). "
            "The module must be installed, lie beside run.py, or be on PYTHONPATH."
        ) from error


def need_extra(what: str, extra: str, *modules: str) -> None:
    """Raise `UsageError` unless all `modules`, which the optional `extra` brings, are installed."""
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        raise UsageError(f"{what} needs {' and '.join(missing)}: install prunesweep with its extra [{extra}].")


def source_of(key: str, path: str) -> str:
    """The source text of the whole module that defines the object at `path`: what it computes may rest on any of it."""
    module = inspect.getmodule(locate(key, path))
    try:
        return inspect.getsource(module) if module else ""
    except (OSError, TypeError) as error:
        raise UsageError(f"{key}={path}: its source cannot be read, so its results could not be told apart.") from error
