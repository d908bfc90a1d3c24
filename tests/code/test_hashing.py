import re
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from prunesweep.code.hashing import code_hash, project_closure, user_code_hash
from prunesweep.errors import UsageError

Project = Callable[..., Path]

LOOP = '''
"""Training."""
from prunesweep.base import scale
def train(model):
    """Train."""
    total = 0.5  # the start
    return scale(model) + total
'''


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path


def hashed(root: Path, name: str, *, loop: str = LOOP, base: str = "def scale(x): return x", init: str = "") -> str:
    files = {"training/loop.py": loop, "base.py": base, "__init__.py": init, "report.py": "import prunesweep.training"}
    for file, text in {**files, "training/__init__.py": "'''Docs.'''"}.items():
        (root / name / "prunesweep" / file).parent.mkdir(parents=True, exist_ok=True)
        (root / name / "prunesweep" / file).write_text(text)
    return code_hash("prunesweep.training.loop", root / name)


def test_the_hash_is_the_same_in_another_folder(root: Path) -> None:
    assert hashed(root, "one") == hashed(root, "two")
    assert re.fullmatch("[0-9a-f]{64}", hashed(root, "one"))


def test_a_docstring_a_comment_and_the_name_of_a_local_variable_do_not_change_the_hash(root: Path) -> None:
    before = hashed(root, "before")
    for number, (old, new) in enumerate({'"Train."': '"Anew."', "# the start": "", "total": "result"}.items()):
        assert hashed(root, str(number), loop=LOOP.replace(old, new)) == before


def test_code_changes_the_hash_and_so_does_the_code_that_it_imports(root: Path) -> None:
    hashes = {
        hashed(root, "before"),
        hashed(root, "constant", loop=LOOP.replace("0.5", "0.25")),
        hashed(root, "operator", loop=LOOP.replace("+ total", "- total")),
        hashed(root, "imported", base="def scale(x): return 2 * x"),
        hashed(root, "package", init="x = 1"),
    }
    assert len(hashes) == 5


def test_modules_that_no_result_depends_on_do_not_count(root: Path) -> None:
    hashes = set()
    for name, errors in {"one": "def check(x): pass", "two": "def check(x): return x"}.items():
        (root / name / "prunesweep").mkdir(parents=True)
        (root / name / "prunesweep" / "errors.py").write_text(errors)
        hashes.add(hashed(root, name, loop="from prunesweep.errors import check"))
    assert len(hashes) == 1


def test_the_name_of_a_module_counts(root: Path) -> None:
    hashed(root, "one")
    (root / "one/prunesweep/copy.py").write_text((root / "one/prunesweep/base.py").read_text())
    assert code_hash("prunesweep.copy", root / "one") != code_hash("prunesweep.base", root / "one")


def test_a_module_that_does_not_exist_has_no_hash(root: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"prunesweep.absent: there is no source file"):
        code_hash("prunesweep.absent")
    with pytest.raises(ModuleNotFoundError):
        code_hash("os")


def test_the_hash_of_training_covers_what_it_imports_and_not_the_report() -> None:
    covered = set(project_closure("prunesweep.training.loop"))
    assert covered >= {"prunesweep.training.loop", "prunesweep.data.datasets"}
    assert not {
        name for name in covered if name.startswith(("prunesweep.report", "prunesweep.export", "prunesweep.cli"))
    }


NET = """
from . import helper
from installed import scale
def net():
    from package.late import depth
    return helper.width() * depth
"""
PROJECT = {
    "package/__init__.py": "",
    "package/net.py": NET,
    "package/helper.py": "from .deep.deeper import base\ndef width(): return base",
    "package/late.py": "import top\ndepth = 3",
    "package/unused.py": "x = 1",
    "package/deep/__init__.py": "",
    "package/deep/deeper.py": "base = 3",
    "top.py": "x = 1",
    "lib/site-packages/installed.py": "scale = 1",
}


def user_hash(project: Project, monkeypatch: pytest.MonkeyPatch, name: str, **edits: str) -> str:
    """Return the hash of `package.net.net` in a project with `edits`, whose keys are parts of file names."""
    files = dict(PROJECT)
    for part, text in edits.items():
        (file,) = (file for file in files if file.endswith(f"{part}.py"))
        files[file] = text
    folder = project(files, name)
    monkeypatch.syspath_prepend(folder / "lib" / "site-packages")
    return user_code_hash("model.target", "package.net.net")


def test_a_users_code_counts_with_every_local_module_that_it_imports(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    edits = {
        "net": NET.replace("*", "+"),
        "helper": PROJECT["package/helper.py"] + " + 1",
        "deeper": "base = 4",
        "late": "import top\ndepth = 4",
        "top": "x = 2",
        "package/__init__": "x = 1",
        "deep/__init__": "x = 1",
    }
    hashes = {user_hash(project, monkeypatch, "original")}
    hashes |= {user_hash(project, monkeypatch, f"edited {part}", **{part: text}) for part, text in edits.items()}
    assert len(hashes) == 1 + len(edits)


def test_neither_the_folder_nor_what_cannot_change_the_result_counts(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = {
        user_hash(project, monkeypatch, "original"),
        user_hash(project, monkeypatch, "elsewhere"),
        user_hash(project, monkeypatch, "installed", installed="scale = 2"),
        user_hash(project, monkeypatch, "unused", unused="x = 2"),
        user_hash(project, monkeypatch, "comment", helper=PROJECT["package/helper.py"] + "  # a comment"),
    }
    assert len(hashes) == 1


def test_the_module_in_the_path_and_the_one_that_defines_the_object_count(project: Project) -> None:
    hashes = []
    for power, factor in ((2, 3), (4, 3), (2, 5)):
        own = (
            f"from functools import partial\nfrom base import make\nscore, other = make({power}), partial(pow, {power})"
        )
        project({"own.py": own, "base.py": f"def make(p):\n    return lambda x: x**p * {factor}"}, f"{power} {factor}")
        hashes.append((user_code_hash("prune.target", "own.score"), user_code_hash("prune.target", "own.other")))
    assert len({score for score, _ in hashes}) == len({other for _, other in hashes}) == 3


def test_the_code_of_prunesweep_that_a_user_imports_counts(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project({"own.py": "from prunesweep.errors import UsageError\ndef score(of): return of.weight"})
    monkeypatch.setattr("prunesweep.code.hashing._hash", lambda modules: ",".join(sorted(modules)))
    assert user_code_hash("prune.target", "own.score") == "own,prunesweep,prunesweep.errors"


def test_an_installed_object_counts_by_the_module_that_defines_it(monkeypatch: pytest.MonkeyPatch) -> None:
    flatten = user_code_hash("model.target", "torch.nn.Flatten")
    assert flatten != user_code_hash("model.target", "torch.nn.Identity")
    monkeypatch.setattr("prunesweep.code.hashing._hash", lambda modules: ",".join(modules))
    assert user_code_hash("model.target", "torch.nn.Flatten") == "torch.nn.modules.flatten"


def test_an_extension_module_that_is_imported_counts_by_its_bytes(project: Project) -> None:
    own = "def net():\n    import fast\n    return fast.net()"
    hashes = set()
    for content in ("one", "two"):
        project({"own.py": own, f"fast{EXTENSION_SUFFIXES[0]}": content}, content)
        hashes.add(user_code_hash("model.target", "own.net"))
    assert len(hashes) == 2


def test_an_object_without_source_code_is_an_error_that_names_the_setting() -> None:
    with pytest.raises(UsageError, match=r"model.target=sys.getsizeof: the module has no source file"):
        user_code_hash("model.target", "sys.getsizeof")


def test_a_module_that_cannot_be_parsed_is_an_error_that_names_the_setting(project: Project) -> None:
    project({"own.py": "def net():\n    import broken", "broken.py": "def ("})
    with pytest.raises(UsageError, match=r"model.target=own.net: the source code behind it cannot be read \(SyntaxErr"):
        user_code_hash("model.target", "own.net")


def test_an_object_that_cannot_be_imported_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"model.target=absent.net: cannot be imported"):
        user_code_hash("model.target", "absent.net")
