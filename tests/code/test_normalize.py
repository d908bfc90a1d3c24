from textwrap import dedent

import pytest

from prunesweep.code.normalize import normalized

ORIGINAL = '''
"""The module."""
from __future__ import annotations
import math
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from torch import Tensor

RATE = 1
"""The rate."""

class Net:
    """A network."""

    width: int = 3
    depth: int
    """How deep."""

    def area(self, side: Tensor, *, power: int = 2) -> Tensor:
        """Return the area."""
        result: int = side**power  # a comment
        assert result >= 0, "negative"
        if result > 100:
            raise ValueError("too large: " + str(result))
        return math.sqrt(result) - RATE
'''


def edited(old: str, new: str) -> bytes:
    assert ORIGINAL.count(old) == 1, old
    return normalized(ORIGINAL.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""The module."""', ""),
        ('"""The rate."""', '"""Another text."""'),
        ('"""A network."""', "..."),
        ('"""Return the area."""', "pass"),
        ("# a comment", ""),
        ("from __future__ import annotations", "\n"),
        ("from torch import Tensor", "from numpy import ndarray as Tensor"),
        ("side: Tensor", "side: float"),
        ("power: int", "power"),
        ("-> Tensor", ""),
        ("result: int =", "result ="),
        ("width: int", "width: float"),
        ("depth: int", "depth: list[int]"),
        ('"too large: " + str(result)', 'f"{result} is too large"'),
        ('"too large: " + str(result)', '"{} is too large".format(result)'),
        ('"negative"', '"below zero"'),
        ("result > 100", "(result >\n 1_00)"),
    ],
)
def test_an_edit_that_cannot_change_a_result_keeps_the_normal_form(old: str, new: str) -> None:
    assert edited(old, new) == normalized(ORIGINAL)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("RATE = 1", "RATE = 2"),
        ("RATE = 1", "RATE = 1.0"),
        ("RATE = 1", "RATE = True"),
        ("RATE = 1", "RATE = '1'"),
        ("RATE = 1", "RATE: int"),
        ("side**power", "side*power"),
        ("side**power", "power**side"),
        ("power: int = 2", "power: int = 3"),
        ("*, power", "power"),
        ("math.sqrt", "math.cbrt"),
        ("import math", "import cmath as math"),
        ("result > 100", "result >= 100"),
        ("ValueError", "TypeError"),
        ('"too large: " + str(result)', "result"),
        ("width: int", "width: ClassVar[int]"),
        ("depth: int", "depth: 'dataclasses.InitVar[int]'"),
        ("width: int = 3", "width = 3"),
        ("depth: int", ""),
        ("class Net:", "class Net(Base):"),
        ("    def area", "    @cached\n    def area"),
        ("    def area", "    async def area"),
    ],
)
def test_an_edit_that_can_change_a_result_changes_the_normal_form(old: str, new: str) -> None:
    assert edited(old, new) != normalized(ORIGINAL)


def test_only_the_text_of_a_message_is_dropped() -> None:
    assert normalized("raise Found('text', best)") == normalized("raise Found('another', best)")
    assert normalized("raise Found('text', best)") != normalized("raise Found('text', worst)")
    assert normalized("print('text')") != normalized("print('another')")


@pytest.mark.parametrize("source", ["", '"""Docs."""', "from __future__ import annotations\n# comment\n...\npass"])
def test_a_module_without_an_effect_has_an_empty_normal_form(source: str) -> None:
    assert normalized(source) == b""


def test_what_follows_else_of_a_type_checking_block_is_kept() -> None:
    source = """
    if typing.TYPE_CHECKING:
        import a
    else:
        import b
    """
    assert normalized(dedent(source)) == normalized("import b")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = {**y}", "x = {None: y}"),
        ("def f(*, a): ...", "def f(*, a=None): ..."),
        ("x = 'a b'", "x = 'a', 'b'"),
        ("x = a", "x = 'a'"),
        ("x = 0.0", "x = 0j"),
        ("x = 'a'", "x = b'a'"),
        ("x[1:]", "x[:1]"),
        ("x = y = 1", "x, y = 1"),
        ("f(a=1)", "f(a, 1)"),
        ("match x:\n case None: f()", "match x:\n case False: f()"),
        ("match x:\n case [1, *_]: f()", "match x:\n case [1, _]: f()"),
        ("f'{x}'", "f'{x!r}'"),
        ("for x in y: f()\nelse: g()", "for x in y: f()\ng()"),
        ("try: f()\nexcept E: g()", "try: f()\nfinally: g()"),
        ("from . import a", "from .. import a"),
    ],
)
def test_different_code_has_different_normal_forms(one: str, other: str) -> None:
    assert normalized(one) != normalized(other)


def test_the_normal_form_is_pinned() -> None:
    """It is part of every digest, so that a release of Python must not change it."""
    source = "def f(x: int, *, y='é'):\n    z = [i for i in x if i != 1.0]\n    return f'{z!r:>{y}}'\n"
    assert normalized(source).decode() == (
        "(FunctionDef name='f' args=(arguments args=[(arg arg='x')] kwonlyargs=[(arg arg='y')] "
        r"kw_defaults=[(Constant '\xe9')]) body=[(Assign targets=[(Name id='%0')] value=(ListComp elt=(Name id='%1') "
        "generators=[(comprehension target=(Name id='%1') iter=(Name id='x') ifs=[(Compare left=(Name id='%1') "
        "ops=[(NotEq)] comparators=[(Constant 1.0)])] is_async=0)])) (Return value=(JoinedStr values=[(FormattedValue "
        "value=(Name id='%0') conversion=114 format_spec=(JoinedStr values=[(Constant '>') (FormattedValue "
        "value=(Name id='y') conversion=-1)]))]))])"
    )
