"""Execute the examples of the documentation: docstrings of the Python functions, docs/python.md, and the notebooks.

Each runs in an empty folder. With `--write`, the outputs of the notebooks are recorded in their files.
"""

from __future__ import annotations

import doctest
import importlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
MODULES = ("modules", "networks", "start", "tables")
SHOWN = ("text/html", "image/png")
"""What the outputs of a notebook must contain: a table and a picture."""


def main() -> int:
    """Return 1 if an example fails."""
    os.environ["IPYTHONDIR"] = tempfile.mkdtemp()
    failed = 0
    for module in MODULES:
        os.chdir(tempfile.mkdtemp())
        result = doctest.testmod(importlib.import_module(f"prunesweep.api.{module}"))
        print(f"prunesweep.api.{module}: {result.attempted} examples, {result.failed} failed", flush=True)
        failed += result.failed + (result.attempted == 0)
    os.chdir(tempfile.mkdtemp())
    result = doctest.testfile(str(ROOT / "docs" / "python.md"), module_relative=False)
    print(f"docs/python.md: {result.attempted} examples, {result.failed} failed", flush=True)
    failed += result.failed + (result.attempted == 0)
    for path in sorted((ROOT / "examples").glob("*.ipynb")):
        executed = execute(path)
        print(f"{path.relative_to(ROOT)}: {sum(cell.cell_type == 'code' for cell in executed.cells)} cells", flush=True)
        if "--write" in sys.argv:
            nbformat.write(executed, path)
    return int(failed > 0)


def execute(path: Path) -> Any:
    """Execute a notebook in an empty folder and return it with its outputs, without times and paths of this machine.

    Raises:
        CellExecutionError: A cell fails.
        ValueError: The outputs do not contain a table and a picture, or a path of this machine.
    """
    notebook: Any = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}}).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    found = {form for cell in notebook.cells for each in cell.get("outputs", []) for form in each.get("data", ())}
    text = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
    for local in (folder, str(ROOT), str(Path.home()) + "/", sys.prefix):
        if local in text:
            raise ValueError(f"{path}: its outputs contain {local}, a path of this machine")
    if not found.issuperset(SHOWN):
        raise ValueError(f"{path}: its outputs must contain {' and '.join(SHOWN)}, found {sorted(found)}")
    return notebook


if __name__ == "__main__":
    sys.exit(main())
