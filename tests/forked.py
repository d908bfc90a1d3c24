"""Run scripts in processes that are forked from one that has loaded the libraries. This saves seconds of importing.

Arguments, folder, environment, output and exit code are as on the command line, and the modules of this project are
imported in each process. Variables that Python reads when it starts, such as PYTHONPATH, have no effect.
"""

import os
import runpy
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path

LIBRARIES = ["torch", "hydra.main", "optuna", "sqlalchemy", "matplotlib.figure", "plotly", "moocore", "rich.table"]


def run(script: Path, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], output: Path) -> int:
    """Return the exit code of `python script arguments` in `folder`. Its output is in `output/out` and `output/err`."""
    context = get_context("forkserver")
    context.set_forkserver_preload(LIBRARIES)
    process = context.Process(target=_run, args=(script, arguments, folder, dict(environment), output))
    process.start()
    process.join()
    code = process.exitcode
    process.close()
    assert code is not None
    return code


def _run(script: Path, arguments: Sequence[str], folder: Path, environment: dict[str, str], output: Path) -> None:
    for descriptor, name in ((1, "out"), (2, "err")):
        with (output / name).open("wb") as file:
            os.dup2(file.fileno(), descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [str(script), *arguments]
    sys.path[0] = str(script.parent)
    runpy.run_path(str(script), run_name="__main__")
