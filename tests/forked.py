"""Scripts in processes of their own, forked from one that has the libraries loaded: each saves seconds of importing.

All else is as on the command line: arguments, folder, environment, output, exit code; our own modules are imported
anew. A variable that Python itself reads when it starts, such as PYTHONPATH, comes too late.
"""

import os
import runpy
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path

LIBRARIES = ["torch", "hydra.main", "optuna", "sqlalchemy", "matplotlib.figure", "plotly", "moocore", "rich.table"]


def run(script: Path, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], said: Path) -> int:
    """The exit code of `python script arguments` in `folder`; `said/out` and `said/err` take its output."""
    context = get_context("forkserver")
    context.set_forkserver_preload(LIBRARIES)
    process = context.Process(target=_run, args=(script, arguments, folder, dict(environment), said))
    process.start()
    process.join()
    code = process.exitcode
    process.close()
    assert code is not None
    return code


def _run(script: Path, arguments: Sequence[str], folder: Path, environment: dict[str, str], said: Path) -> None:
    for descriptor, name in ((1, "out"), (2, "err")):
        with (said / name).open("wb") as file:
            os.dup2(file.fileno(), descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [str(script), *arguments]
    sys.path[0] = str(script.parent)
    runpy.run_path(str(script), run_name="__main__")
