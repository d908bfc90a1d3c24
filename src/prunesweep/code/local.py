"""Find the modules that a user can edit: local ones, which are neither installed nor in the standard library."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from prunesweep.code.modules import Module, module_file, read

PROJECT = __name__.partition(".")[0]
STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))
INSTALLED = {"site-packages", "dist-packages"}
"""Names of the folders that hold installed packages."""

_as_loaded: dict[str, tuple[object, Module]] = {}


def local_module(name: str) -> Module | None:
    """Return the module `name` if it is local. The modules of prunesweep are, even if prunesweep is installed.

    Raises:
        OSError, SyntaxError, ValueError, RecursionError: as `modules.read`.
    """
    file = file_of(name)
    if file is None or (_is_installed(file) and name.partition(".")[0] != PROJECT):
        return None
    return _read_as_loaded(name, file)


def file_of(name: str) -> Path | None:
    """Return the file of the module `name`, or None if there is no module or no file (a built-in module).

    No module is imported. Only the module itself or its outermost package must be known to Python's import system;
    modules inside it are looked for in the folders of the package.
    """
    if name in sys.modules:
        file = getattr(sys.modules[name], "__file__", None)
        return Path(file) if isinstance(file, str) and Path(file).is_absolute() else None  # torch.ops has "_ops.py"
    top, _, rest = name.partition(".")
    if rest:
        return module_file(rest, map(Path, _folders(top)))
    spec = find_spec(name)
    return Path(spec.origin) if spec and spec.has_location and spec.origin else None


def _folders(package: str) -> Iterable[str]:
    """Return the folders in which the modules of an outermost package are, or nothing if it is not a package."""
    if package in sys.modules:
        return getattr(sys.modules[package], "__path__", ())
    spec = find_spec(package)
    return (spec and spec.submodule_search_locations) or ()


def _is_installed(file: Path) -> bool:
    return not INSTALLED.isdisjoint(file.parts) or file.is_relative_to(STANDARD_LIBRARY)


def _read_as_loaded(name: str, file: Path) -> Module:
    """Read a module's file. If the module is loaded, read it once, until the module is loaded again.

    If a user edits a file while a sweep runs, the sweep continues with the code that it loaded before.
    """
    module = sys.modules.get(name)
    load = getattr(module, "__spec__", None) or module  # `importlib.reload` sets a new object
    if load is None:
        return read(name, file)
    if name not in _as_loaded or _as_loaded[name][0] is not load:
        _as_loaded[name] = load, read(name, file)
    return _as_loaded[name][1]
