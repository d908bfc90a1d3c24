"""Import an object by its path, such as `my_package.Net`."""

from __future__ import annotations

import importlib
from typing import Any

from prunesweep.errors import UsageError


def locate(key: str, path: str) -> Any:
    """Return the object at the import path `path`.

    Args:
        key: the setting that holds the path, for messages: `model.target`.
        path: the name of a module, a dot, and the name of an object in the module.

    Raises:
        UsageError: the module or the object does not exist, or importing the module failed.
    """
    module, _, name = path.rpartition(".")
    if not module:
        raise UsageError(f"{key}={path}: must be an import path with a module, like my_package.{path or 'Net'}.")
    try:
        return getattr(importlib.import_module(module), name)
    except Exception as error:  # importing executes the user's code, which may raise anything
        raise UsageError(
            f"{key}={path}: cannot be imported ({type(error).__name__}: {error}). "
            "The module must be installed, on PYTHONPATH, or in the folder of run.py; with `prunesweep run`, in the "
            "working directory."
        ) from error
