"""Run and time commands: their duration, their peak memory, and the fixed costs of a run."""

from __future__ import annotations

import csv
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from prunesweep.chain import observations, prune_steps, steps
from prunesweep.code.hashing import code_hash

ROOT = Path(__file__).resolve().parent.parent
AMOUNTS, FINETUNE = (0.5, 0.8, 0.9, 0.95, 0.98), (0, 1, 2, 3, 4)
DENSE_EPOCHS = 5
HASHED = (steps.__name__, prune_steps.__name__, observations.__name__)
"""The modules that define the steps and observations of all chains."""


def run_py(*arguments: str) -> list[str]:
    """Return the command `python run.py arguments`."""
    return [sys.executable, str(ROOT / "run.py"), *arguments]


def environment() -> dict[str, str]:
    """Return the variables of this process without those that set the threads of torch."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "MKL_"))}


def compose_config(*overrides: str) -> DictConfig:
    """Return the configuration of `conf/` with `overrides`. The schemas must be registered."""
    with initialize_config_dir(str(ROOT / "conf")):
        return compose("config", list(overrides), return_hydra_config=True)


@dataclass(frozen=True)
class Usage:
    """Wall-clock seconds of a process, and its peak resident memory in GB (10^9 bytes)."""

    seconds: float
    peak_gb: float


def timed(*arguments: str) -> Usage:
    """Run `python run.py arguments` and return what it used."""
    started = time.perf_counter()
    process = subprocess.Popen(run_py(*arguments), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)  # the usage of this process, not the maximum of all children
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"python run.py {' '.join(arguments)} failed")
    return Usage(time.perf_counter() - started, usage.ru_maxrss * 1024 / 1e9)


@dataclass(frozen=True)
class Sweeps:
    """The sweep of 5 amounts x fine-tune epochs 0..4, and parts of it, with one store in `folder`."""

    folder: Path
    dataset: str

    def run(self, name: str, amounts: tuple[float, ...] = AMOUNTS, finetune: tuple[int, ...] = FINETUNE) -> Usage:
        """Run the sweep in the directory `name`."""
        return timed(
            "-m",
            f"dataset={self.dataset}",
            f"train.epochs={DENSE_EPOCHS}",
            f"prune.amount={','.join(map(str, amounts))}",
            f"finetune.epochs={','.join(map(str, finetune))}",
            f"store.dir={self.folder / 'store'}",
            f"hydra.sweep.dir={self.folder / name}",
        )

    def computed(self, name: str) -> tuple[int, int]:
        """Return the number of runs of the sweep in the directory `name`, and of the steps that they computed."""
        with (self.folder / name / "results.csv").open() as file:
            rows = list(csv.DictReader(file))
        return len(rows), sum(int(row["steps_total"]) - int(row["steps_cached"]) for row in rows)


def script_epochs() -> tuple[int, int]:
    """Return the dense and the pruned epochs of a script, which trains a dense network for each run of the sweep."""
    runs = len(AMOUNTS) * len(FINETUNE)
    return runs * DENSE_EPOCHS, len(AMOUNTS) * sum(FINETUNE)


def compose_job(repeats: int = 5) -> float:
    """Return the median seconds that Hydra alone takes to compose the configuration of one job of the sweep.

    The schemas must be registered.
    """
    seconds = []
    with initialize_config_dir(str(ROOT / "conf")):
        for amount in range(1, repeats + 1):
            started = time.perf_counter()
            compose("config", ["dataset=mnist", f"prune.amount=0.{amount}"], return_hydra_config=True)
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def hash_steps() -> float:
    """Return the seconds that the code hashes of all steps take. A process computes each hash once."""
    started = time.perf_counter()
    for module in HASHED:
        code_hash(module)
    return time.perf_counter() - started


def in_new_process(measure: Callable[[], float]) -> float:
    """Return the result of `measure`, called in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure).result()
