"""Give the local variables of functions canonical names, so that renaming one does not change the code's normal form.

A local variable is a name that a function binds: by an assignment, a `for`, `with`, `except`, `import` or `match`
statement, `:=`, or the definition of a nested function. The target of a comprehension is a local variable of the
comprehension. They become `%0`, `%1`, ..., which no source code can contain, numbered through the file in the order of
binding. Every name is resolved by Python's rules for scopes.

These keep their names:

- names of modules and of class bodies, and names declared `global`;
- parameters, because callers may pass them by keyword;
- classes and decorated functions, because a decorator or a base class may read their name;
- what `import a.b` binds (`a`);
- everything in a file that uses a function that can read local variables by name, such as `locals`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count

READ_LOCAL_NAMES = ("locals", "vars", "dir", "eval", "exec")

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SCOPES = (*FUNCTIONS, *COMPREHENSIONS, ast.ClassDef)

NAME_FIELDS: Mapping[type[ast.AST], str] = {
    ast.Name: "id",
    ast.FunctionDef: "name",
    ast.AsyncFunctionDef: "name",
    ast.ClassDef: "name",
    ast.ExceptHandler: "name",
    ast.MatchAs: "name",
    ast.MatchStar: "name",
    ast.MatchMapping: "rest",
}
"""The field that holds a variable's name, or None, by the type of the node."""

NAMING = frozenset((*NAME_FIELDS, *SCOPES, ast.alias, ast.NamedExpr, ast.Global, ast.Nonlocal))
"""Types of the nodes that hold the name of a variable or open a scope."""

Names = Mapping[str, str]
"""Canonical names by the names in the source code. Names that are absent are not changed."""


@dataclass(frozen=True)
class Scope:
    """A module, class, function or comprehension.

    Attributes:
        node: the node that opens it.
        own: the nodes of a type in `NAMING` that are evaluated in this scope, in the order of the source code.
        nested: the scopes directly inside it.
    """

    node: ast.AST
    own: list[ast.AST]
    nested: list[Scope]


def rename_locals(tree: ast.Module) -> None:
    """Give all local variables in `tree` their canonical names, in place."""
    module = _scope(tree)
    if not _reads_local_names(module):
        numbers = count()
        for scope in module.nested:
            _rename(scope, {}, numbers)


def _scope(node: ast.AST) -> Scope:
    own, waiting = [], _inside(node)[::-1]
    while waiting:
        child = waiting.pop()
        if type(child) in NAMING:
            own.append(child)
        waiting += _outside(child)[::-1]
    return Scope(node, own, [_scope(child) for child in own if isinstance(child, SCOPES)])


def _outside(node: ast.AST) -> list[ast.AST]:
    """Return the children of `node` that are evaluated in the scope around it."""
    if type(node) not in NAMING:
        return list(ast.iter_child_nodes(node))
    match node:
        case ast.Name():
            return []
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return [*node.decorator_list, *_defaults(node.args)]
        case ast.Lambda():
            return _defaults(node.args)
        case ast.ClassDef():
            return [*node.decorator_list, *node.bases, *node.keywords]
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return [node.generators[0].iter]
    return list(ast.iter_child_nodes(node))


def _defaults(arguments: ast.arguments) -> list[ast.AST]:
    return [default for default in (*arguments.defaults, *arguments.kw_defaults) if default]


def _inside(node: ast.AST) -> list[ast.AST]:
    """Return the children of a node that opens a scope that are evaluated in that scope."""
    match node:
        case ast.Lambda():
            return [node.body]
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
            return [*_after_first_iterable(node.generators), node.elt]
        case ast.DictComp():
            return [*_after_first_iterable(node.generators), node.key, node.value]
        case ast.Module() | ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [*node.body]
    raise TypeError(type(node))


def _after_first_iterable(generators: list[ast.comprehension]) -> list[ast.AST]:
    first, *others = generators
    return [first.target, *first.ifs, *others]


def _reads_local_names(scope: Scope) -> bool:
    here = (node.id in READ_LOCAL_NAMES for node in scope.own if isinstance(node, ast.Name))
    return any(here) or any(map(_reads_local_names, scope.nested))


def _rename(scope: Scope, around: Names, numbers: Iterator[int]) -> None:
    """Rename the variables in `scope`, in place. `around` are the names that it sees of the scopes around it."""
    around = {**around, **_unchanged(parameter.name for parameter in getattr(scope.node, "type_params", ()))}
    names = {**around, **_bound(scope, numbers)}
    for node in scope.own:
        _rename_node(node, names)
    for nested in scope.nested:  # which do not see the names of a class body
        _rename(nested, around if isinstance(scope.node, ast.ClassDef) else names, numbers)


def _rename_node(node: ast.AST, names: Names) -> None:
    if field := NAME_FIELDS.get(type(node)):
        name = getattr(node, field)
        setattr(node, field, names.get(name, name))
    elif isinstance(node, ast.Nonlocal):
        node.names = [names.get(name, name) for name in node.names]
    elif isinstance(node, ast.alias):
        bound = node.asname or node.name
        if names.get(bound, bound) != bound:
            node.asname = names[bound]


def _bound(scope: Scope, numbers: Iterator[int]) -> Names:
    """Return the names that `scope` binds."""
    names = dict.fromkeys(filter(None, map(_binding, _binding_nodes(scope))))
    for node in scope.own:
        if isinstance(node, ast.Nonlocal):
            names = {name: None for name in names if name not in node.names}
    kept = {name for node in scope.own for name in _kept(node)} | _parameters(scope.node)
    if isinstance(scope.node, ast.ClassDef):
        kept |= set(names)
    return {**{name: f"%{next(numbers)}" for name in names if name not in kept}, **_unchanged(kept)}


def _unchanged(names: Iterable[str]) -> Names:
    return {name: name for name in names}


def _parameters(node: ast.AST) -> set[str]:
    if not isinstance(node, FUNCTIONS):
        return set()
    return {child.arg for child in ast.iter_child_nodes(node.args) if isinstance(child, ast.arg)}


def _binding_nodes(scope: Scope) -> Iterator[ast.AST]:
    """Yield the nodes that may bind a name in `scope`. An assignment expression binds it outside comprehensions."""
    if isinstance(scope.node, COMPREHENSIONS):
        for generator in scope.node.generators:
            yield from ast.walk(generator.target)
    else:
        yield from scope.own
        for nested in scope.nested:
            if isinstance(nested.node, COMPREHENSIONS):
                yield from _assignment_expressions(nested)


def _assignment_expressions(comprehension: Scope) -> Iterator[ast.AST]:
    yield from (node for node in comprehension.own if isinstance(node, ast.NamedExpr))
    for nested in comprehension.nested:
        if isinstance(nested.node, COMPREHENSIONS):
            yield from _assignment_expressions(nested)


def _binding(node: ast.AST) -> str | None:
    """Return the name that `node` binds, if it binds one."""
    match node:
        case ast.Name(ctx=ast.Load()):
            return None
        case ast.NamedExpr():
            return node.target.id
        case ast.alias():
            return node.asname or node.name.partition(".")[0]
    field = NAME_FIELDS.get(type(node))
    return getattr(node, field) if field else None


def _kept(node: ast.AST) -> list[str]:
    """Return the names that keep their spelling because of how `node` binds or declares them."""
    match node:
        case ast.Global():
            return node.names
        case ast.alias(asname=None) if "." in node.name:
            return [node.name.partition(".")[0]]
        case ast.ClassDef():
            return [node.name]
        case ast.FunctionDef() | ast.AsyncFunctionDef() if node.decorator_list:
            return [node.name]
    return []
