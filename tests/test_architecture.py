"""Rules for the code as a whole. The import rules themselves are contracts of import-linter in pyproject.toml."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT

import prunesweep

PACKAGE = ROOT / "src" / "prunesweep"
PLUGINS = "hydra_plugins/prunesweep_plugins"

# Tested through their callers: a constant name and a docstring, or the parts of one mechanism.
WITHOUT_OWN_TEST = {
    "__init__.py",
    "__main__.py",
    *(f"cli/{name}.py" for name in ("arguments", "confirm", "evaluate", "reproduce", "verb")),
    "export/c/source.py",
    "export/invalid.py",
    "export/rebuild.py",
    "models/custom.py",
    "models/lenets.py",
    "pruning/curves.py",
    "training/straight_through.py",
    *(f"chain/schedules/{name}.py" for name in ("gradual", "gsm", "iterative", "lottery", "one_shot", "penalty")),
    *(f"chain/schedules/{name}.py" for name in ("parts", "plan", "quantizing", "regrowth", "writer")),
}


def lint(source: Path) -> subprocess.CompletedProcess[str]:
    """Check the import contracts on the packages below `source`."""
    command = [
        str(Path(sys.executable).parent / "lint-imports"),
        "--no-cache",
        "--config",
        str(ROOT / "pyproject.toml"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(source)}
    return subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, check=False)


def test_folders_import_in_one_direction_and_without_circles() -> None:
    done = lint(ROOT / "src")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "line", "broken"),
    [
        ("prunesweep/data/splits.py", "import prunesweep.report", "Folders import only"),
        ("prunesweep/data/splits.py", "import prunesweep.training.loop", "Folders import only"),
        ("prunesweep/search/space.py", f"import {PLUGINS.replace('/', '.')}.callback", "Folders import only"),
        ("prunesweep/search/space.py", "import prunesweep.api.tables", "Folders import only"),
        ("prunesweep/pruning/allocation.py", "import prunesweep.pruning.masks", "No circles"),
        (f"{PLUGINS}/launching.py", f"import {PLUGINS.replace('/', '.')}.search_sweeper", "No circles"),
        ("prunesweep/chain/state.py", "def late():\n    import hydra.utils", "Only the configuration"),
    ],
)
def test_a_planted_import_is_reported(file: str, line: str, broken: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / "src" / file
    path.write_text(f"{path.read_text()}\n\n{line}\n")
    done = lint(tmp_path / "src")
    assert done.returncode == 1, done.stdout
    assert any(row.startswith(broken) and "BROKEN" in row for row in done.stdout.splitlines()), done.stdout


def test_every_module_has_its_test_file() -> None:
    for path in PACKAGE.rglob("*.py"):
        relative = path.relative_to(PACKAGE)
        if path.name not in WITHOUT_OWN_TEST and relative.as_posix() not in WITHOUT_OWN_TEST:
            assert (ROOT / "tests" / relative.parent / f"test_{path.name}").exists(), relative


@pytest.mark.parametrize("path", sorted((ROOT / "src").rglob("__init__.py")), ids=lambda path: path.parent.name)
def test_every_folder_says_what_it_contains(path: Path) -> None:
    text = ast.get_docstring(ast.parse(path.read_text()))
    assert text
    listed = {name for line in text.splitlines() if line.startswith("- ") for name in re.findall(r"`(\w+)", line)}
    modules = {each.stem for each in path.parent.glob("*.py")} | {
        each.parent.name for each in path.parent.glob("*/__init__.py")
    }
    assert not listed or modules - {"__init__", "__main__"} <= listed, "a list of modules is complete"


def test_docstrings_describe_what_exists_and_each_name_once() -> None:
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                section, existing = "Attributes", names_in(node)
            elif isinstance(node, ast.FunctionDef):
                section, existing = "Args", {each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg)}
            else:
                continue
            described = entries(ast.get_docstring(node) or "", section)
            assert len(described) == len(set(described)), f"{path}, {node.name}: {described}"
            assert set(described) <= existing, f"{path}, {node.name}: {set(described) - existing}"


def entries(docstring: str, section: str) -> list[str]:
    """Return the names that a section of `docstring` describes. A line may have several: `low, high: ...`."""
    found = re.search(rf"^{section}:\n((?:    .*\n?|\n)+)", docstring, re.MULTILINE)
    lines = re.findall(r"^    ([\w*]+(?:, [\w*]+)*):", found[1] if found else "", re.MULTILINE)
    return [name.lstrip("*") for line in lines for name in line.split(", ")]


def names_in(definition: ast.ClassDef) -> set[str]:
    """Return the names of all fields, methods and attributes in the body of a class."""
    names = {each.id for each in ast.walk(definition) if isinstance(each, ast.Name)}
    attributes = {each.attr for each in ast.walk(definition) if isinstance(each, ast.Attribute)}
    return names | attributes | {each.name for each in ast.walk(definition) if isinstance(each, ast.FunctionDef)}


def test_the_start_of_a_run_imports_neither_torch_nor_other_slow_packages() -> None:
    slow = {"torch", "torchvision", "rich", "matplotlib", "optuna", "sklearn", "pandas"}
    code = f"import sys, prunesweep.api.run; print({slow!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_package_offers_its_functions_without_importing_anything_slow() -> None:
    code = "import sys, prunesweep; print(dir(prunesweep), 'torch' in sys.modules, 'hydra' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("False False")
    assert all(repr(name) in done.stdout for name in prunesweep.__all__)
    assert all(getattr(prunesweep, name).__name__ == name for name in prunesweep.__all__)
    with pytest.raises(AttributeError, match="module 'prunesweep' has no attribute 'runs'"):
        _ = prunesweep.runs
