"""Start a run in this process, or a sweep in a new one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from omegaconf import DictConfig, OmegaConf

from prunesweep import config
from prunesweep.api.compose import check_texts, compose
from prunesweep.api.run import execute
from prunesweep.api.tables import load
from prunesweep.chain.arithmetic import arithmetic
from prunesweep.errors import UsageError
from prunesweep.experiment.planning import check_not_dry
from prunesweep.files import write_atomically
from prunesweep.results.result import Result, remove_outputs
from prunesweep.results.run_directory import CONFIG
from prunesweep.search.sweep_directory import REPORT_TO, check_unclaimed, directory_override

if TYPE_CHECKING:
    import pandas as pd

RUN_DIR, SWEEP_DIR = "hydra.run.dir", "hydra.sweep.dir"
ERROR = "error: "
"""The start of the message with which a command fails."""
PATIENCE = 5.0
"""Seconds that an interrupted sweep has to end by itself. A terminal and Jupyter send their signal to it as well."""


@dataclass(frozen=True)
class CompletedRun(Result):
    """A `Result`, and the directory of its run.

    Attributes:
        directory: The run directory, for `network`, `masks` and `load`.
    """

    directory: Path = field(kw_only=True)


def run(*overrides: str, dir: str | Path | None = None) -> CompletedRun:
    """Run one experiment in this process, as `prunesweep run` does.

    The settings come from the folder `conf/` in the working directory if it exists, then from prunesweep. Steps that
    the store contains are not computed again. A progress bar is shown on a terminal.

    Args:
        overrides: Settings as on the command line, such as `"model=lenet5"` and `"prune.amount=0.9"`.
        dir: The run directory. By default a new one below `outputs/`.

    Returns:
        The fields of `result.json` (`docs/concepts.md`), and the run directory.

    Raises:
        UsageError: A setting is not allowed. Nothing has been computed.
        ArithmeticError: The training diverged.

    Example:
        >>> import prunesweep
        >>> result = prunesweep.run("model=lenet_300_100", "prune.amount=0.9", "train.epochs=1", "finetune.epochs=1")
        >>> result.params_total, result.params_nonzero
        (266610, 27030)
        >>> 0.8 < result.final["test_accuracy"] < 1
        True
        >>> sorted(path.name for path in result.directory.iterdir())
        ['.hydra', 'model.safetensors', 'provenance.json', 'result.json']
    """
    composed = compose(_with_directory(overrides, RUN_DIR, dir))
    settings = config.build(composed)
    check_not_dry(settings)
    folder = _directory(composed, is_default=not _sets(composed, RUN_DIR))
    task = [str(each) for each in composed.hydra.overrides.task]
    remove_outputs(folder)
    write_atomically(folder / CONFIG.with_name("overrides.yaml"), OmegaConf.to_yaml(OmegaConf.create(task)).encode())
    own = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
    write_atomically(folder / CONFIG, OmegaConf.to_yaml(own).encode())
    with _torch_as_in_a_new_process():
        result = execute(settings, folder, task)
    return CompletedRun(**vars(result), directory=folder)


def sweep(*overrides: str, dir: str | Path | None = None, quiet: bool = False) -> pd.DataFrame:
    """Run all combinations of settings, or a search, as `prunesweep run -m` does, and return the table of the runs.

    The sweep is a process of its own, started with this Python in the working directory. Its output is printed as it
    comes. After an interruption, call the function again with the same `dir`: only the missing steps are computed.

    Args:
        overrides: Settings as on the command line, such as `"prune.amount=0.1,0.2,0.5"` or `"search=tradeoff"`.
        dir: The sweep directory. By default a new one below `multirun/`, or that of the search.
        quiet: Whether to print nothing.

    Returns:
        `load` of the sweep directory.

    Raises:
        UsageError: A setting is not allowed, or a run failed. The message is that of the command.

    Example:
        >>> import prunesweep
        >>> short = ["model=lenet_300_100", "train.epochs=1", "finetune.epochs=1"]
        >>> runs = prunesweep.sweep("prune.amount=0.5,0.9", *short, dir="multirun/amounts", quiet=True)
        >>> runs[["prune.amount", "params_nonzero"]]
           prune.amount  params_nonzero
        0           0.5          133510
        1           0.9           27030
    """
    arguments = _with_directory(overrides, SWEEP_DIR, dir)
    with tempfile.TemporaryDirectory(prefix="prunesweep-") as folder:
        report = Path(folder) / "directory"
        code, output = _command(["run", "-m", *arguments], report, quiet=quiet)
        directory = Path(report.read_text()) if report.exists() else None
    if code:
        raise UsageError(_message(output, code) + (_hint(directory) if directory else ""))
    if directory is None:
        raise UsageError(f"{' '.join(arguments)}: the sweep did not start a run.")
    return load(directory)


def _with_directory(overrides: tuple[str, ...], key: str, directory: str | Path | None) -> list[str]:
    check_texts(overrides)
    if directory is None:
        return list(overrides)
    if any(each.startswith(f"{key}=") for each in overrides):
        raise UsageError(f"dir={directory}: {key} is given as well. Exactly one of them may be given.")
    return [*overrides, directory_override(Path(directory)).replace(SWEEP_DIR, key, 1)]


def _sets(composed: DictConfig, key: str) -> bool:
    return any(str(each).startswith(f"{key}=") for each in composed.hydra.overrides.hydra)


def _directory(composed: DictConfig, *, is_default: bool) -> Path:
    """Create and return the run directory. A default one is new, although its name has a resolution of one second."""
    named = Path(composed.hydra.run.dir)
    check_unclaimed(named, RUN_DIR)
    folder, number = named, 1
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=not is_default)
        except FileExistsError:
            if not folder.is_dir():
                raise UsageError(f"{RUN_DIR}={folder}: is a file. Choose another directory.") from None
            number += 1
            folder = named.with_name(f"{named.name}-{number}")
        except OSError as error:
            raise UsageError(f"{RUN_DIR}={folder}: cannot be used ({error.strerror or error}).") from error
        else:
            return folder


@contextmanager
def _torch_as_in_a_new_process() -> Iterator[None]:
    """Undo the settings of torch that this process has made and that change results; restore all settings afterwards.

    The self-test of the arithmetic is repeated, because this process may have changed how torch computes.
    """
    threads, mode = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    fill = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    dtype, device = torch.get_default_dtype(), torch.get_default_device()
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)
    arithmetic.cache_clear()
    try:
        with torch.inference_mode(mode=False), torch.enable_grad(), torch.autocast("cpu", enabled=False):
            yield
    finally:
        torch.set_num_threads(threads)
        torch.set_deterministic_debug_mode(mode)
        torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
        torch.set_default_dtype(dtype)
        if device.type != "cpu":
            torch.set_default_device(device)


def _command(arguments: list[str], report: Path, *, quiet: bool) -> tuple[int, list[str]]:
    """Run `prunesweep arguments` in a new process. Return its exit code and its output."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(each or str(Path.cwd()) for each in sys.path),  # the user's modules
        "PYTHONIOENCODING": "utf-8",
        REPORT_TO: str(report),
    }
    environment.pop("HYDRA_FULL_ERROR", None)  # a traceback of that process would hide the message
    process = subprocess.Popen(
        [sys.executable, "-m", "prunesweep", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    assert process.stdout is not None
    output: list[str] = []
    try:
        with process.stdout:
            for line in process.stdout:
                output.append(line.rstrip("\n"))
                if not quiet:
                    print(output[-1], flush=True)
        return process.wait(), output
    except BaseException:
        _stop(process)
        raise


def _stop(process: subprocess.Popen[str]) -> None:
    """Wait until an interrupted sweep has ended. Interrupt it if it has not received the signal itself."""
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        process.wait()


def _message(output: list[str], code: int) -> str:
    starts = [number for number, line in enumerate(output) if line.startswith(ERROR)]
    if not starts:
        return "\n".join(["the sweep ended without a message" if not output else output[-1], f"(exit code {code})"])
    return "\n".join(output[starts[-1] :]).removeprefix(ERROR)


def _hint(directory: Path) -> str:
    return f"\nFor the runs that completed: prunesweep.load({str(directory)!r})"
