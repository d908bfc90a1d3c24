"""Reduce source code to the part of its syntax that can change a result.

Two files with the same normal form compute the same. These do not appear in it:

- comments, blank lines, positions;
- docstrings and other statements that are only a constant, and `pass`;
- annotations (in a class body, an annotated name remains, because it may be a field of a dataclass);
- `if TYPE_CHECKING:` blocks and `from __future__` imports;
- the text of messages: arguments of `raise X(...)` that start with a string, and the message of an `assert`;
- the names of local variables (see `rename.py`).

Limit: a program that computes with its own docstrings, annotations or messages can change without a change of its
normal form.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from prunesweep.code.rename import rename_locals

READ_BY_DATACLASSES = ("ClassVar", "InitVar", "KW_ONLY")
"""Names whose presence in an annotation changes the fields of a dataclass."""

OMITTED_FIELDS = ("ctx", "kind", "type_comment")
"""Fields of syntax nodes that never change what the code computes, or that follow from the node's position."""


def normalized(source: str | bytes) -> bytes:
    """Return the normal form of the source code of a module. It is empty if the module has no statement with an effect.

    Raises:
        SyntaxError: `source` is not valid Python.
        ValueError: `source` contains null bytes.
    """
    return serialized(simplified(source))


def simplified(source: str | bytes) -> ast.Module:
    """Parse the source code of a module, without the parts that cannot change a result. Names are not changed."""
    tree = ast.parse(source)
    tree.body = list(_kept(tree.body, in_class=False))
    return tree


def serialized(tree: ast.Module) -> bytes:
    """Rename local variables in `tree`, in place, and return the text of `tree`, one line for each statement.

    The text depends on names of node types, names of fields and values that are set. It is the same in every release of
    Python that parses the code to the same tree. (`ast.dump` is not: its output differs between releases.)
    """
    rename_locals(tree)
    return "\n".join(map(_text, tree.body)).encode()


def blocks(statement: ast.stmt) -> Iterator[tuple[ast.AST, str, list[ast.stmt]]]:
    """Yield each list of statements inside `statement`, with the node and the name of the field that hold the list."""
    for owner in (statement, *getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        for field in ("body", "orelse", "finalbody"):
            if found := getattr(owner, field, None):
                yield owner, field, found


def _kept(statements: Iterable[ast.stmt], *, in_class: bool) -> Iterator[ast.stmt]:
    for statement in statements:
        match statement:
            case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
                yield from _kept(statement.orelse, in_class=in_class)
            case ast.Pass() | ast.Expr(value=ast.Constant()) | ast.ImportFrom(module="__future__"):
                pass
            case _:
                yield _reduced(statement, in_class=in_class)


def _reduced(statement: ast.stmt, *, in_class: bool) -> ast.stmt:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            _remove_annotations(statement)
            in_class = False
        case ast.ClassDef():
            in_class = True
        case ast.AnnAssign(value=ast.expr() as value) if not in_class:
            return ast.Assign([statement.target], value)
        case ast.AnnAssign():
            statement.annotation = _role(statement.annotation)
        case ast.Raise(exc=ast.Call() as call):
            call.args = [argument for argument in call.args if not _starts_with_string(argument)]
        case ast.Assert(msg=ast.expr() as message) if _starts_with_string(message):
            statement.msg = None
    for owner, field, statements in blocks(statement):
        setattr(owner, field, list(_kept(statements, in_class=in_class)))
    return statement


def _remove_annotations(function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    function.returns = None
    arguments = function.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
        if argument:
            argument.annotation = None


def _role(annotation: ast.expr) -> ast.Constant:
    """Return what the decorator `dataclass` reads from the annotation of a field, or None."""
    text = ast.dump(annotation)
    return ast.Constant(next((name for name in READ_BY_DATACLASSES if name in text), None))


def _starts_with_string(node: ast.expr) -> bool:
    """Whether `node` is a string, an f-string, or an operation on one: `"a" + b`, `"%s" % a`, `"{}".format(a)`."""
    match node:
        case ast.JoinedStr() | ast.Constant(value=str()):
            return True
        case ast.BinOp(left=start) | ast.Call(func=ast.Attribute(value=start)):
            return _starts_with_string(start)
    return False


def _text(value: object) -> str:
    """Return a text for a node, a list of nodes, or the value of a field. Different values have different texts."""
    if isinstance(value, ast.Constant):
        return f"(Constant {value.value!a})"  # 1, 1.0, True and '1' differ
    if isinstance(value, ast.AST):
        fields = [
            f" {name}={_text(child)}"
            for name in value._fields
            if name not in OMITTED_FIELDS and (child := getattr(value, name, None)) is not None and child != []
        ]
        return f"({type(value).__name__}{''.join(fields)})"
    if isinstance(value, list):
        return f"[{' '.join(map(_text, value))}]"
    return ascii(value)  # not `repr`, whose escapes depend on the release
