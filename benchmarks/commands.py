"""Whole commands, timed from outside: what they cost beyond their training, and how much memory they take."""

from __future__ import annotations

import csv
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
AMOUNTS, FINETUNE = (0.5, 0.8, 0.9, 0.95, 0.98), (0, 1, 2, 3, 4)
DENSE_EPOCHS = 5


@dataclass(frozen=True)
class Spent:
    """Wall-clock seconds of a process, and its peak resident memory in GB (10^9 bytes)."""

    seconds: float
    peak_gb: float


def spent(*arguments: str) -> Spent:
    """`python run.py arguments`, in a process of its own."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, str(ROOT / "run.py"), *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)  # this process's own figures, not the largest of all children
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"python run.py {' '.join(arguments)} failed")
    return Spent(time.perf_counter() - started, usage.ru_maxrss * 1024 / 1e9)


@dataclass(frozen=True)
class Sweeps:
    """The sweep of 5 amounts x fine-tune epochs 0..4, and parts of it, over one store in `folder`."""

    folder: Path
    dataset: str

    def run(self, name: str, amounts: tuple[float, ...] = AMOUNTS, finetune: tuple[int, ...] = FINETUNE) -> Spent:
        """Run it into the sweep directory `name`."""
        return spent(
            "-m",
            f"dataset={self.dataset}",
            f"train.epochs={DENSE_EPOCHS}",
            f"prune.amount={','.join(map(str, amounts))}",
            f"finetune.epochs={','.join(map(str, finetune))}",
            f"store.dir={self.folder / 'store'}",
            f"hydra.sweep.dir={self.folder / name}",
        )

    def computed(self, name: str) -> tuple[int, int]:
        """Runs of the sweep in the directory `name`, and the steps that they computed."""
        with (self.folder / name / "results.csv").open() as file:
            rows = list(csv.DictReader(file))
        return len(rows), sum(int(row["steps_total"]) - int(row["steps_cached"]) for row in rows)


def composing(repeats: int = 5) -> float:
    """Median seconds that Hydra by itself takes to compose the config of one job of the sweep from its files.

    To be called once the schemas are registered.
    """
    from hydra import compose, initialize_config_dir

    seconds = []
    with initialize_config_dir(str(ROOT / "conf")):
        for amount in range(1, repeats + 1):
            started = time.perf_counter()
            compose("config", ["dataset=mnist", f"prune.amount=0.{amount}"], return_hydra_config=True)
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def script_epochs() -> tuple[int, int]:
    """Dense and pruned epochs that a script takes for that sweep, training its dense network in each run."""
    runs = len(AMOUNTS) * len(FINETUNE)
    return runs * DENSE_EPOCHS, len(AMOUNTS) * sum(FINETUNE)
