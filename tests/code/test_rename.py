from collections.abc import Sequence
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunesweep.code.normalize import normalized


def same(one: str, other: str) -> bool:
    return normalized(dedent(one)) == normalized(dedent(other))


BINDING = [
    "N = 1; use(N)",
    "N: int = 1; use(N)",
    "N, *rest = x; use(N)",
    "N += 1",
    "del N",
    "use((N := 1), N)",
    "for N in x: use(N)",
    "with x as N: use(N)",
    "with x as (N, other): use(N)",
    "import module as N; use(N)",
    "from module import name as N; use(N)",
    "def N(): pass\n    use(N)",
    "async def N(): pass\n    use(N)",
    "try: pass\n    except E as N: use(N)",
    "match x:\n        case N: use(N)",
    "match x:\n        case [*N]: use(N)",
    "match x:\n        case {**N}: use(N)",
    "use([N for N in x])",
    "use({N: N for N in x})",
    "use(sum(N for N, _ in x))",
    "use([(N := i) for i in x], N)",
    "use([[(N := i) for i in j] for j in x], N)",
    "N = 1\n    def inner(): return N",
    "N = 1\n    def inner(a=N): return a",
    "N = 1\n    return lambda: N",
    "N = 1\n    class Inner: width = N",
    "N = 1\n    def inner():\n        nonlocal N\n        N = 2",
]


@pytest.mark.parametrize("body", BINDING)
def test_renaming_a_local_variable_keeps_the_normal_form(body: str) -> None:
    function = f"def f(x):\n    {body}\n"
    assert normalized(function.replace("N", "first")) == normalized(function.replace("N", "second"))


@pytest.mark.parametrize(
    "source",
    [
        "N = 1",
        "def N(): pass",
        "class A:\n    N = 1",
        "class A:\n    def N(self): pass",
        "def f(N): return N",
        "def f(*N): return N",
        "def f(**N): return N",
        "def f(*, N): return N",
        "f = lambda N: N",
        "def f():\n    global N\n    N = 1",
        "def f():\n    global N\n    def g(): return N",
        "def f():\n    N = 1\n    class A:\n        global N\n        width = N",
        "def f():\n    import N.sub\n    use(N)",
        "def f():\n    class N: pass",
        "def f():\n    @register\n    def N(): pass",
        "def f():\n    class A:\n        N = 1",
        "def f():\n    return g(N=1)",
        "def f():\n    return N",
        "def f():\n    N = 1\n    return locals()",
        "def f():\n    N = 1\n    return eval('N')",
    ],
)
def test_other_names_count(source: str) -> None:
    assert normalized(source.replace("N", "first")) != normalized(source.replace("N", "second"))


def test_local_variables_with_exchanged_roles_differ() -> None:
    function = "def f():\n    a = 1\n    b = 2\n    return {} - {}"
    assert not same(function.format("a", "b"), function.format("b", "a"))
    assert same(function.format("a", "b"), "def f():\n    b = 1\n    a = 2\n    return b - a")


def test_a_local_variable_that_takes_the_name_of_a_global_differs_from_the_global() -> None:
    assert not same("def f():\n    a = 1\n    return g(a)", "def f():\n    g = 1\n    return g(a)")
    assert same("def f():\n    a = 1\n    return h(a)", "def f():\n    g = 1\n    return h(g)")


def test_a_variable_of_a_nested_function_may_shadow_an_outer_one() -> None:
    shadowing = """
        def f():
            {0} = 1
            def g():
                {1} = 2
                return {2}
            return g() + {0}
    """
    assert same(shadowing.format("a", "a", "a"), shadowing.format("a", "b", "b"))
    assert not same(shadowing.format("a", "b", "a"), shadowing.format("a", "b", "b"))


def test_a_parameter_of_a_nested_function_shadows_an_outer_variable() -> None:
    nested = "def f():\n    {0} = 1\n    def g(a): return {1}\n    return g"
    assert same(nested.format("a", "a"), nested.format("b", "a"))
    assert not same(nested.format("b", "a"), nested.format("b", "b"))


def test_a_method_does_not_see_the_names_of_its_class() -> None:
    method = "def f():\n    {0} = 1\n    class A:\n        a = 2\n        def g(self): return {1}\n        c = {2}\n"
    assert same(method.format("a", "a", "a"), method.format("b", "b", "a"))
    assert not same(method.format("b", "b", "a"), method.format("b", "b", "b"))


def test_the_first_iterable_of_a_comprehension_is_evaluated_outside() -> None:
    comprehension = "def f(y):\n    {0} = y\n    return [{1} for {1} in {0} if {1}]"
    assert same(comprehension.format("a", "a"), comprehension.format("b", "a"))
    later = "def f(y):\n    {0} = y\n    return [{1} for z in y for {1} in {2}]"
    assert not same(later.format("a", "b", "a"), later.format("a", "b", "b"))


def test_a_nonlocal_variable_is_that_of_the_outer_function() -> None:
    source = "def f():\n    a = b = 1\n    def g():\n        nonlocal {0}\n        {0} = 2\n    return g, a, b"
    assert not same(source.format("a"), source.format("b"))


def test_a_global_variable_differs_from_a_local_one() -> None:
    source = "def f():\n    global a\n    {0} = 1\n    {1} = 2\n    return {0}"
    assert not same(source.format("a", "b"), source.format("b", "a"))


def test_a_decorator_and_a_default_are_evaluated_outside_the_function() -> None:
    function = "def f():\n    {0} = 1\n    @{0}\n    def g(x={0}):\n        {1} = 2\n        return {1}"
    assert same(function.format("a", "a"), function.format("b", "a"))


STATEMENTS = (
    "{0} = {1} + 1",
    "{0}, {1} = {1}, {2}",
    "{0} += {1}",
    "for {0} in range(3): {1} = {1} * 2 + {0}",
    "{0} = sum({1} * {2} for {1} in range(4))",
    "{0} = [({1} := {2} + i) for i in range(3)][-1]",
    "{0} = (lambda p: p + {1})({2})",
    "def {0}(p):\n        {1} = p + 1\n        return {1} * {2}",
    "def {0}(p):\n        return p + {1}",
    "{0} = {1}({2})",
    "def {0}():\n        nonlocal {1}\n        {1} = {2}\n    {0}()",
)
NAMES = ("a", "b", "c", "d", "g", "x")  # g is global, x a parameter
Statement = tuple[str, tuple[int, ...]]


@st.composite
def statements(draw: st.DrawFn) -> list[Statement]:
    one = st.tuples(st.sampled_from(STATEMENTS), st.tuples(*[st.integers(0, 3)] * 3))
    return draw(st.lists(one, min_size=1, max_size=6))


def function(body: Sequence[Statement], names: Sequence[str]) -> str:
    """Return a function of `x` whose variables, numbered from 0 to 3, are called `names`."""
    lines = [f"{' = '.join(names)} = 1", *(text.format(*(names[i] for i in where)) for text, where in body)]
    return "def f(x):\n    " + "\n    ".join([*lines, "return " + ", ".join(names)]) + "\n"


def outcome(source: str) -> object:
    variables: dict[str, object] = {"g": 7}
    try:
        exec(source, variables)
        values = variables["f"](5)  # type: ignore[operator]
    except Exception as error:
        return type(error)
    return [value if isinstance(value, int) else type(value) for value in values]


@given(statements(), st.permutations(("a", "b", "c", "d", "e", "h")))
def test_a_consistent_renaming_keeps_the_normal_form(body: list[Statement], names: list[str]) -> None:
    assert normalized(function(body, names[:4])) == normalized(function(body, NAMES[:4]))


@given(statements(), *[st.tuples(*[st.sampled_from(NAMES)] * 4)] * 2)
def test_functions_with_the_same_normal_form_compute_the_same(
    body: list[Statement], names: tuple[str, ...], others: tuple[str, ...]
) -> None:
    one, other = function(body, names), function(body, others)
    if normalized(one) == normalized(other):
        assert outcome(one) == outcome(other)
