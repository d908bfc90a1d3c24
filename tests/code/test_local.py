import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from prunesweep.code.local import file_of, local_module

Project = Callable[..., Path]


def test_a_users_own_module_is_local(project: Project) -> None:
    folder = project({"own.py": "x = 1", "package/__init__.py": "raise SystemExit", "package/part.py": "x = 1"})
    for name, file in {"own": "own.py", "package": "package/__init__.py", "package.part": "package/part.py"}.items():
        assert file_of(name) == folder / file
        assert local_module(name)
    assert "package" not in sys.modules


@pytest.mark.parametrize(
    "name",
    ["os", "sys", "fractions", "email.message", "torch", "torch.nn", "torch.ops", "pytest", "absent", "absent.part"],
)
def test_the_standard_library_and_installed_packages_are_not(name: str) -> None:
    assert local_module(name) is None


@pytest.mark.parametrize("name", ["prunesweep", "prunesweep.errors", "prunesweep.pruning.masks"])
def test_the_modules_of_this_project_are_local(name: str) -> None:
    assert local_module(name)


def test_the_modules_of_this_project_are_local_if_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prunesweep.code.local.INSTALLED", {"prunesweep"})
    assert local_module("prunesweep.errors")


@pytest.mark.parametrize("folder", ["site-packages", "dist-packages"])
def test_a_package_that_is_installed_next_to_the_project_is_not_local(
    project: Project, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project({f".venv/lib/{folder}/installed/__init__.py": "", f".venv/lib/{folder}/installed/part.py": ""})
    monkeypatch.syspath_prepend(root / ".venv" / "lib" / folder)
    assert file_of("installed.part")
    assert local_module("installed") is local_module("installed.part") is None


def test_a_module_may_have_the_name_of_one_of_the_standard_library(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "sched", raising=False)
    project({"sched.py": "x = 1"})
    assert local_module("sched")


def test_a_package_without_a_file_of_its_own(project: Project) -> None:
    project({"space/part.py": "x = 1"})
    assert local_module("space") is None
    assert local_module("space.part")


def test_the_code_of_a_loaded_module_stays_the_same_until_it_is_loaded_again(project: Project) -> None:
    file = project({"own.py": "x = 1"}) / "own.py"
    module = importlib.import_module("own")
    before = local_module("own")
    file.write_text("x = 1 + 1")
    assert local_module("own") == before
    importlib.reload(module)
    assert local_module("own") != before


def test_the_file_of_a_module_that_is_not_loaded_is_read_again(project: Project) -> None:
    file = project({"own.py": "x = 1"}) / "own.py"
    before = local_module("own")
    file.write_text("x = 1 + 1")
    assert local_module("own") != before


def test_an_extension_module_counts_by_its_bytes(project: Project) -> None:
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    folder = project({f"package/fast{suffix}": "machine code", "package/__init__.py": ""})
    module = local_module("package.fast")
    assert module
    assert module.content == b"machine code"
    assert file_of("package.fast") == Path(folder / f"package/fast{suffix}")
