"""What holds for the code as a whole."""

import ast
import subprocess
import sys
from pathlib import Path

from support import ROOT

PACKAGE = ROOT / "src" / "prunesweep"

ORDER = (
    "errors",
    "frontier",
    "published",
    "imports",
    "nested",
    "sources",
    "data",
    "models",
    "flow",
    "evidence",
    "criteria",
    "selection",
    "allocation",
    "structure",
    "ranking",
    "pruning",
    "training",
    "measures",
    "compact",
    "state",
    "regrowth",
    "steps",
    "masking",
    "schedules",
    "store",
    "upkeep",
    "chain",
    "tracking",
    "objectives",
    "config",
    "results",
    "provenance",
    "experiment",
    "saved",
    "reproduce",
    "export",
    "report",
    "confirm",
    "cli",
)


def imported(path: Path) -> set[str]:
    """The modules of the package that the file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("prunesweep"):
            parts = node.module.split(".")
            names |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("prunesweep.")}
    return names


def test_each_module_imports_only_from_those_above_it() -> None:
    found = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in PACKAGE.rglob("*.py")}
    assert found - {"__init__"} == set(ORDER)
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if name != "__init__":
            assert imported(path) <= set(ORDER[: ORDER.index(name) + 1]), path


def test_only_the_configuration_knows_hydra() -> None:
    users = {
        path.stem
        for path in PACKAGE.rglob("*.py")
        if "import hydra" in (text := path.read_text()) or "from hydra" in text
    }
    assert users == {"config"}


def test_every_module_has_its_test_file() -> None:
    tested_elsewhere = {"__init__", "ranking", "regrowth"}  # through pruning and masking
    for path in PACKAGE.rglob("*.py"):
        if path.stem not in tested_elsewhere:
            relative = path.relative_to(PACKAGE)
            assert (ROOT / "tests" / relative.parent / f"test_{path.name}").exists(), relative


def test_configuring_imports_nothing_heavy() -> None:
    code = "import sys, prunesweep.experiment; print({'torch', 'torchvision', 'rich'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_installed_packages_agree() -> None:
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
