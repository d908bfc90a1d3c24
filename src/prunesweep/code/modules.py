"""Read the files of modules, and follow their imports, without executing them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES
from importlib.util import resolve_name
from pathlib import Path

from prunesweep.code.normalize import blocks, serialized, simplified

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Import:
    """One name in an import statement.

    Attributes:
        module: the absolute name of the module after `import` or `from`.
        name: what a `from` statement imports: a submodule or an attribute of `module`. None for other statements.
        deferred: whether the statement is inside a function, so that loading the file does not execute it.
    """

    module: str
    name: str | None
    deferred: bool


@dataclass(frozen=True)
class Module:
    """The content of a module's file.

    Attributes:
        content: the normal form of the source code. For an extension module, the bytes of the file.
        imports: in the order of the source code, without imports for type checkers.
    """

    content: bytes
    imports: tuple[Import, ...]


Find = Callable[[str], Module | None]
"""Return the module of a name, or None if the name is not that of a module, or of one that must not be followed."""


def module_file(name: str, folders: Iterable[Path]) -> Path | None:
    """Return the file of the module `name` below the first of `folders` that has one, as Python's import finds it."""
    for folder in folders:
        path = folder.joinpath(*name.split("."))
        for stem in (path / "__init__", path):
            for suffix in (*EXTENSION_SUFFIXES, *SOURCE_SUFFIXES):
                file = stem.with_name(stem.name + suffix)
                if file.is_file():
                    return file
    return None


def read(name: str, file: Path) -> Module:
    """Return the content of the file of the module `name`. An unchanged file is not parsed again.

    Raises:
        OSError: the file cannot be read.
        SyntaxError, ValueError, RecursionError: the source code cannot be parsed, or is nested too deeply.
    """
    status = file.stat()
    return _read(name, file, status.st_mtime_ns, status.st_size)


@cache
def _read(name: str, file: Path, _modified: int, _size: int) -> Module:
    content = file.read_bytes()
    if file.suffix not in SOURCE_SUFFIXES:
        return Module(content, ())
    tree = simplified(content)
    package = name if file.stem == "__init__" else name.rpartition(".")[0]
    imports = tuple(_imports(tree.body, package, deferred=False))
    return Module(serialized(tree), imports)


def _imports(statements: Iterable[ast.stmt], package: str, *, deferred: bool) -> Iterator[Import]:
    for statement in statements:
        match statement:
            case ast.Import():
                for alias in statement.names:
                    bound = [alias.name] if alias.asname else [*_parents(alias.name), alias.name]
                    yield from (Import(name, None, deferred) for name in bound)
            case ast.ImportFrom():
                if module := _absolute(statement, package):
                    yield from (Import(module, alias.name, deferred) for alias in statement.names)
        inside_function = deferred or isinstance(statement, FUNCTIONS)
        for _, _, nested in blocks(statement):
            yield from _imports(nested, package, deferred=inside_function)


def _absolute(statement: ast.ImportFrom, package: str) -> str | None:
    try:
        return resolve_name("." * statement.level + (statement.module or ""), package)
    except ImportError:  # from . import x: in a module without a package, where it fails
        return None


def _parents(name: str) -> list[str]:
    """Return the packages that contain the module `name`, outermost first."""
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def closure(names: Iterable[str], find: Find) -> dict[str, Module]:
    """Return the modules `names` and all modules that they import, directly or indirectly, by name.

    Loading a module also loads the packages that contain it. If nothing else imports such a package, its imports inside
    functions are not followed. It is omitted if it has no statement with an effect.
    """
    find = cache(find)
    found: dict[str, Module] = {}
    visited: set[tuple[str, bool]] = set()
    waiting = [(name, True) for name in names]
    while waiting:
        name, used = waiting.pop()
        if (name, used) in visited:
            continue
        visited.add((name, used))
        waiting += [(parent, False) for parent in _parents(name)]
        if module := find(name):
            found[name] = module
            waiting += [(_imported(one, find), True) for one in module.imports if used or not one.deferred]
    kept = {name for name, used in visited if used}
    return {name: module for name, module in found.items() if name in kept or module.content}


def _imported(statement: Import, find: Find) -> str:
    """Return the name of the module that `statement` uses: a submodule, or the module that defines an attribute."""
    submodule = f"{statement.module}.{statement.name}"
    return submodule if statement.name and find(submodule) else statement.module
