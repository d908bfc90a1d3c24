"""Measure a large grid whose runs are all stored: seconds a run, memory, and the time of the report.

    python benchmarks/scale.py --runs 1000 10000          about half an hour on two cores, 3 GB of temporary files
    python benchmarks/scale.py --runs 100 200             a small one

The grid has 100 amounts and as many values of `store.max_gb`, which changes no step, as needed. So all runs write their
own files, and the report shows each of them. The store is filled by the 100 amounts first. Memory is the largest
resident set of the process of the sweep and of its largest worker. Targets: at most 0.03 s a run with one worker, less
with two, and the memory of the smaller grid. The CPU time is that of the process of the sweep; it depends less on what
else the machine does. `--results FILE` appends each measurement as a line of JSON at once.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from commands import environment, run_py
from parallel import machine

AMOUNTS = 100
INTERVAL = 0.2
"""Seconds between two looks at the memory and the table of a sweep."""


@dataclass
class Watch:
    """What was seen of a sweep while it ran.

    Attributes:
        parent_gb: The largest resident set of its process in GB (10^9 bytes).
        worker_gb: The same of the largest process that it has started.
        tables: The versions of `results.csv`.
    """

    parent_gb: float = 0.0
    worker_gb: float = 0.0
    tables: set[tuple[int, int]] = field(default_factory=set)

    def look(self, process: int, table: Path) -> None:
        self.parent_gb = max(self.parent_gb, peak_gb(process))
        self.worker_gb = max([self.worker_gb, *map(peak_gb, descendants(process))])
        with suppress(OSError):
            found = table.stat()
            self.tables.add((found.st_ino, found.st_mtime_ns))


@dataclass(frozen=True)
class Measured:
    """A sweep of `runs` stored runs, its seconds, and those of `prunesweep report`. Memory as in `Watch`."""

    runs: int
    workers: int
    seconds: float
    cpu: float
    report: float
    parent_gb: float
    worker_gb: float
    tables: int


def peak_gb(process: int) -> float:
    """Return the largest resident set that `process` had, in GB; 0 if it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e9
    return 0.0


def descendants(process: int) -> list[int]:
    found = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):  # the thread has ended
            for child in map(int, path.read_text().split()):
                found += [child, *descendants(child)]
    return found


def grid(runs: int) -> tuple[str, str]:
    """Return the overrides of a grid of `runs` runs, a multiple of `AMOUNTS`."""
    amounts = ",".join(f"{0.5 + number / 250:g}" for number in range(AMOUNTS))
    return f"prune.amount={amounts}", f"store.max_gb={','.join(str(100 + each) for each in range(runs // AMOUNTS))}"


def sweep(folder: Path, common: Sequence[str], runs: int, workers: int) -> tuple[float, float, Watch]:
    """Run a grid in `folder`, and return its seconds, its CPU time and what was seen of it."""
    name = f"{runs}-{workers}"
    command = run_py("-m", *common, *grid(runs), f"workers={workers}", "store.dir=store", f"hydra.sweep.dir={name}")
    watch, ended, started = Watch(), threading.Event(), time.perf_counter()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment(), stdout=log, stderr=log)

    def keep_looking() -> None:
        while not ended.wait(INTERVAL):
            watch.look(process.pid, folder / name / "results.csv")

    watcher = threading.Thread(target=keep_looking)
    watcher.start()
    _, status, usage = os.wait4(process.pid, 0)  # the usage of this process, not of its children
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    ended.set()
    watcher.join()
    watch.look(process.pid, folder / name / "results.csv")
    if process.returncode:
        raise SystemExit(f"{' '.join(command)[:500]} failed:\n{(folder / 'log').read_text()[-2000:]}")
    return seconds, usage.ru_utime + usage.ru_stime, watch


def measure(folder: Path, common: Sequence[str], runs: int, workers: int) -> Measured:
    """Measure a grid and its report, and remove its directory."""
    seconds, cpu, watch = sweep(folder, common, runs, workers)
    name, started = f"{runs}-{workers}", time.perf_counter()
    command = [sys.executable, "-m", "prunesweep", "report", name]
    subprocess.run(command, cwd=folder, env=environment(), check=True, stdout=subprocess.DEVNULL)
    report = time.perf_counter() - started
    subprocess.run(["rm", "-r", name], cwd=folder, check=True)
    return Measured(runs, workers, seconds, cpu, report, watch.parent_gb, watch.worker_gb, len(watch.tables))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, nargs="+", default=[1_000, 10_000], help=f"multiples of {AMOUNTS}")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--model", default="lenet5")
    parser.add_argument("--results", type=Path, help="append each measurement to this file")
    parser.add_argument("--folder", type=Path, help="where the temporary files are written")
    options = parser.parse_args()
    if any(runs % AMOUNTS or runs < AMOUNTS for runs in options.runs):
        parser.error(f"--runs: must be multiples of {AMOUNTS}")
    common = (f"model={options.model}", "device=cpu", "train.epochs=1", "finetune.epochs=0")
    found = []
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        sweep(folder, common, AMOUNTS, 1)
        for runs in options.runs:
            for workers in options.workers:
                found.append(measure(folder, common, runs, workers))
                line = json.dumps(asdict(found[-1]))
                print(line, file=sys.stderr, flush=True)
                if options.results:
                    with options.results.open("a") as file:
                        file.write(line + "\n")
    print(f"{machine()}. {options.model}, each grid once; target: at most 0.03 s a run.\n")
    head = (
        "runs",
        "workers",
        "seconds",
        "seconds a run",
        "CPU",
        "process",
        "largest worker",
        "tables written",
        "report",
    )
    print(f"| {' | '.join(head)} |\n|" + " --- |" * len(head))
    for each in found:
        print(
            f"| {each.runs:,} | {each.workers} | {each.seconds:.1f} | {each.seconds / each.runs:.4f} | "
            f"{each.cpu:.1f} s | {each.parent_gb:.2f} GB | {each.worker_gb:.2f} GB | {each.tables} | "
            f"{each.report:.1f} s |"
        )


if __name__ == "__main__":
    main()
