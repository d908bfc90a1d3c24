"""Hashes of source code: they change when a change of the code can change what it computes.

The hash of a module covers its own source code and that of every module that it imports, directly or indirectly,
except `WITHOUT_EFFECT`. The source code counts in its normal form (see `normalize.py`), so that comments, docstrings,
annotations and the names of local variables do not matter. Modules count by their names, not by the folders of their
files.

Limit: only `import` statements are followed. A module that is imported by a computed name is not seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, partial
from hashlib import sha256
from pathlib import Path

from prunesweep.code.local import PROJECT, file_of, local_module
from prunesweep.code.locate import locate
from prunesweep.code.modules import Module, closure, module_file, read
from prunesweep.errors import UsageError

ROOT = Path(__file__).parents[2]
"""The folder that contains the package prunesweep."""
WITHOUT_EFFECT = frozenset({"prunesweep.errors", "prunesweep.roles"})
"""Modules that no result depends on: they refuse input, and say what settings are for. They import nothing."""


@cache
def code_hash(module: str, root: Path = ROOT) -> str:
    """Return the hash of a module of prunesweep and of every module of prunesweep that it imports.

    A process computes each hash once.

    Args:
        module: the full name, for example `prunesweep.training.loop`.
        root: the folder that contains the package prunesweep.

    Raises:
        ModuleNotFoundError: there is no such module in prunesweep.
    """
    return _hash(project_closure(module, root))


def project_closure(module: str, root: Path = ROOT) -> dict[str, Module]:
    """Return the modules that `code_hash` covers, by their names."""
    modules = closure([module], partial(_project_module, root))
    if module not in modules:
        raise ModuleNotFoundError(f"{module}: there is no source file of this module below {root}.", name=module)
    return modules


def user_code_hash(key: str, path: str) -> str:
    """Return the hash of the code behind a user's own object, such as a network or a criterion.

    It covers the module in `path`, the module that defines the object, and every local module that they import: not the
    standard library, not installed packages. For an object of an installed package, it covers the module that defines
    the object.

    Args:
        key: the setting that holds the path, for messages: `model.target`.
        path: the import path of the object: `my_package.Net`.

    Raises:
        UsageError: the object cannot be imported, or the source code of a module cannot be read.
    """
    target = locate(key, path)
    names = [path.rpartition(".")[0]]
    if isinstance(defining := getattr(target, "__module__", None), str):
        names.insert(0, defining)
    try:
        modules = closure(names, local_module) or _first_readable(names)
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        raise UsageError(
            f"{key}={path}: the source code behind it cannot be read ({type(error).__name__}: {error}). "
            "Without it, results of different versions of the code could not be distinguished."
        ) from error
    if not modules:
        raise UsageError(
            f"{key}={path}: the module has no source file. "
            "Without it, results of different versions of the code could not be distinguished."
        )
    return _hash(modules)


def _project_module(root: Path, name: str) -> Module | None:
    counts = name.partition(".")[0] == PROJECT and name not in WITHOUT_EFFECT
    file = module_file(name, [root]) if counts else None
    return read(name, file) if file else None


def _first_readable(names: Iterable[str]) -> dict[str, Module]:
    files = ((name, file_of(name)) for name in names)
    return next(({name: read(name, file)} for name, file in files if file), {})


def _hash(modules: Mapping[str, Module]) -> str:
    digest = sha256()
    for name, module in sorted(modules.items(), key=lambda item: item[0]):
        digest.update(f"{name} {len(module.content)}\n".encode() + module.content)
    return digest.hexdigest()
