import os
from pathlib import Path

import pytest

from prunesweep.code.modules import Module, closure, module_file, read


class Tree:
    """Modules in a folder."""

    def __init__(self, folder: Path, files: dict[str, str]) -> None:
        self.folder = folder
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)

    def find(self, name: str) -> Module | None:
        file = module_file(name, [self.folder])
        return read(name, file) if file else None

    def closure(self, *names: str) -> set[str]:
        return set(closure(names, self.find))


def test_the_file_of_a_module(tmp_path: Path) -> None:
    Tree(tmp_path, {"a/__init__.py": "", "a/b.py": "", "space/c.py": "", "d.py": "", "a.py": ""})
    for name, file in {"a": "a/__init__.py", "a.b": "a/b.py", "space.c": "space/c.py", "d": "d.py"}.items():
        assert module_file(name, [tmp_path / "absent", tmp_path]) == tmp_path / file
    assert module_file("space", [tmp_path]) is None
    assert module_file("a.c", [tmp_path]) is None


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("import other", {"other"}),
        ("import p.b", {"p.b"}),
        ("import p.b as short", {"p.b"}),
        ("from p import b", {"p.b"}),
        ("from p.b import name", {"p.b"}),
        ("from p.b import *", {"p.b"}),
        ("from . import b", {"p.b"}),
        ("from .b import name", {"p.b"}),
        ("from .q import deep", {"p.q.deep"}),
        ("from p import b, q as short", {"p.b", "p.q"}),
        ("def f():\n    from p import b", {"p.b"}),
        ("class A:\n    async def f(self):\n        from p import b", {"p.b"}),
        ("try:\n    import p.b\nexcept ImportError:\n    import other", {"p.b", "other"}),
        ("match x:\n    case 1:\n        import other", {"other"}),
        ("for i in x:\n    pass\nelse:\n    import other", {"other"}),
        ("if TYPE_CHECKING:\n    import other", set()),
        ("if TYPE_CHECKING:\n    import other\nelse:\n    import p.b", {"p.b"}),
        ("import absent, absent.b", set()),
        ("from .... import b", set()),
        ("from other import two", {"other", "two"}),
    ],
)
def test_imports_are_followed(tmp_path: Path, statement: str, expected: set[str]) -> None:
    files = {"p/__init__.py": "'''Docs.'''", "p/a.py": statement, "p/b.py": "x = 1", "p/q/deep.py": "x = 1"}
    files |= {"p/q/__init__.py": "x = 1", "other.py": "import two" if "two" in statement else "", "two.py": ""}
    assert Tree(tmp_path, files).closure("p.a") - {"p", "p.q"} == {"p.a", *expected} - {"p.q"}


def test_imports_are_followed_to_the_end_and_in_circles(tmp_path: Path) -> None:
    files = {"a.py": "import b", "b.py": "import c", "c.py": "import a", "d.py": "import a"}
    assert Tree(tmp_path, files).closure("a") == {"a", "b", "c"}


def test_a_relative_import_of_a_package_starts_at_the_package_itself(tmp_path: Path) -> None:
    files = {"p/__init__.py": "from .b import x", "p/b.py": "x = 1", "b.py": "x = 2"}
    assert Tree(tmp_path, files).closure("p") == {"p", "p.b"}


def test_a_package_that_contains_a_module_counts_if_it_does_something(tmp_path: Path) -> None:
    files = {"p/__init__.py": "'''Docs.'''\n", "p/q/__init__.py": "x = 1", "p/q/a.py": "y = 1"}
    assert Tree(tmp_path, files).closure("p.q.a") == {"p.q", "p.q.a"}


def test_of_a_package_that_only_contains_a_module_imports_inside_functions_are_not_followed(tmp_path: Path) -> None:
    package = "import first\ndef __getattr__(name):\n    import second\n"
    files = {"p/__init__.py": package, "p/a.py": "", "first.py": "", "second.py": "", "user.py": "from p import name"}
    tree = Tree(tmp_path, files)
    assert tree.closure("p.a") == {"p", "p.a", "first"}
    assert tree.closure("p") == tree.closure("p.a", "p") - {"p.a"} == {"p", "first", "second"}
    assert tree.closure("user") == {"user", "p", "first", "second"}
    (tmp_path / "user.py").write_text("import p.a")
    assert tree.closure("user") == {"user", "p", "p.a", "first", "second"}


def test_reading_does_not_execute(tmp_path: Path) -> None:
    assert Tree(tmp_path, {"a.py": "import b", "b.py": "raise SystemExit"}).closure("a") == {"a", "b"}


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    tree = Tree(tmp_path, {"a.py": "x = 1"})
    before = tree.find("a")
    assert tree.find("a") is before
    (tmp_path / "a.py").write_text("x = 2")
    os.utime(tmp_path / "a.py", ns=(1, 1))
    assert tree.find("a") != before


def test_the_encoding_that_a_file_declares_is_used(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes("# coding: latin-1\nx = 'é'".encode("latin-1"))
    (tmp_path / "b.py").write_text("x = 'é'", encoding="utf-8")
    assert read("a", tmp_path / "a.py").content == read("a", tmp_path / "b.py").content
