"""Run scripts in processes that are forked from one that has loaded the libraries. This saves seconds of importing.

Arguments, folder, environment, output, signals and exit code are as on the command line, and the modules of this
project are imported in each process. Of the variables that Python reads when it starts, only PYTHONPATH has an effect.
"""

import os
import runpy
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

LIBRARIES = [
    *("torch", "torch._dynamo", "torch.utils.flop_counter", "hydra.main", "hydra._internal.hydra", "matplotlib.figure"),
    *("matplotlib.backends.backend_agg", "optuna.samplers", "optuna.storages._rdb.storage", "alembic.command"),
    *("sqlalchemy.dialects.sqlite", "sklearn.gaussian_process", "moocore", "rich.table", "scipy.stats"),
    *("optuna.storages._rdb.models", "filelock", "safetensors.torch", "torch_pruning", "plotly.offline", "mlxtend"),
]


class Forked:
    """A running command. Its methods are those of `subprocess.Popen`."""

    def __init__(self, process: BaseProcess) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None and self._process.pid is not None:
            os.kill(self._process.pid, number)


def start(
    script: Path, arguments: Sequence[str], folder: Path, out: Path, err: Path, environment: Mapping[str, str]
) -> Forked:
    """Start `python script arguments` in `folder`. Its output is appended to the files `out` and `err`."""
    context = get_context("forkserver")
    context.set_forkserver_preload(LIBRARIES)
    process = context.Process(target=_run, args=(script, arguments, folder, out, err, dict(environment)))
    process.start()
    return Forked(process)


def _run(
    script: Path, arguments: Sequence[str], folder: Path, out: Path, err: Path, environment: dict[str, str]
) -> None:
    for descriptor, path in ((1, out), (2, err)):
        with path.open("ab") as file:
            os.dup2(file.fileno(), descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [str(script), *arguments]
    sys.path[:1] = [str(script.parent), *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    runpy.run_path(str(script), run_name="__main__")
