"""Expose a sweep and its store to faults: the sweep is killed, or two processes run it at the same time.

    python benchmarks/faults.py killed --kills 20
    python benchmarks/faults.py together

`killed` kills a sweep with SIGKILL at random moments, finishes it, and compares it with an undisturbed sweep.
`together` runs a sweep of 25 runs twice at the same time on one store, compares the tables, and counts the steps.

The moments of the kills are drawn from a seed, as a number of written files. They therefore cover all parts of a sweep
on machines of any speed. Each command prints a verdict. The exit code is 0 if no fault was found.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from prunesweep.store.entries import Entry
from prunesweep.store.store import verify

ROOT = Path(__file__).resolve().parent.parent
NOT_COMPARED = ("seconds", "steps_cached")
COMMON = ("-m", "model=lenet_300_100", "threads=1", "device=cpu", "store.dir=store")
KILLED = (*COMMON, "train.epochs=3", "prune.amount=0.3,0.6,0.9", "finetune.epochs=0,1,2,3")
TOGETHER = (*COMMON, "train.epochs=5", "prune.amount=0.1,0.3,0.5,0.7,0.9", "finetune.epochs=0,1,2,3,4")


def start(folder: Path, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start `python run.py arguments` in `folder`, with its output in `folder/log`."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("ab") as log:
        return subprocess.Popen([sys.executable, ROOT / "run.py", *arguments], cwd=folder, stdout=log, stderr=log)


def finish(folder: Path, *processes: subprocess.Popen[bytes]) -> None:
    """Wait for the end of processes that were started in `folder`, and exit if one failed."""
    codes = [process.wait() for process in processes]
    if any(codes):
        raise SystemExit(f"a process failed:\n{(folder / 'log').read_text()}")


def kill(process: subprocess.Popen[bytes], count: Callable[[], int], goal: int, wait: float) -> bool:
    """Kill `process` `wait` seconds after `count` has reached `goal`. Return whether it was still running."""
    while process.poll() is None and count() < goal:
        time.sleep(0.005)
    time.sleep(wait)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def file_count(folder: Path) -> int:
    """Return the number of files in `folder`, unfinished ones included: the progress of a sweep and its store."""
    return sum(len(names) for _, _, names in os.walk(folder))


def outcome(sweep: Path) -> tuple[list[dict[str, str]], dict[str, bytes]]:
    """Return the table of a sweep without the columns that can differ, and the weights of each run."""
    table = [
        {key: value for key, value in row.items() if key not in NOT_COMPARED}
        for row in read_table(sweep / "results.csv")
    ]
    return table, {path.parent.name: path.read_bytes() for path in sweep.glob("*/model.safetensors")}


def store_faults(folder: Path) -> list[str]:
    """Return the damaged entries of the store in `folder`, and the warnings in the log there."""
    log, checked = (folder / "log").read_text(), verify(folder / "store")
    faulty = [*checked.damaged, *checked.unreadable]
    print(f"{checked.entries} entries in the store, {len(faulty)} damaged or unreadable")
    faults = (f"damaged: {faulty}" if faulty else "", "the log contains a warning" if "Warning" in log else "")
    return [*filter(None, faults), *(line for line in log.splitlines() if "set aside" in line)]


def killed(folder: Path, sweep: Sequence[str] = KILLED, kills: int = 20, seed: int = 0) -> list[str]:
    """Kill a sweep repeatedly and finish it. Return one line for each fault of the result."""
    draw = random.Random(seed)
    undisturbed, disturbed = folder / "undisturbed", folder / "disturbed"
    arguments = (*sweep, "hydra.sweep.dir=sweep")
    started = time.perf_counter()
    finish(undisturbed, start(undisturbed, arguments))
    pace = (time.perf_counter() - started) / file_count(undisturbed)  # seconds per file, including the start of Python
    for number in range(kills):
        left = max(1, file_count(undisturbed) - file_count(disturbed))
        more, wait = draw.randint(0, 2 * left // (kills - number)), draw.random() * pace
        goal = file_count(disturbed) + more
        running = kill(start(disturbed, arguments), lambda: file_count(disturbed), goal, wait)
        moment = f"{1000 * wait:.0f} ms after {more} more files, {file_count(disturbed)} files in total"
        print(f"kill {number + 1:2d}: {moment}{'' if running else ', after its end'}", flush=True)
    finish(disturbed, start(disturbed, arguments))
    same = outcome(disturbed / "sweep") == outcome(undisturbed / "sweep")
    return [*([] if same else ["the table or the weights differ"]), *store_faults(disturbed)]


def together(folder: Path, sweep: Sequence[str] = TOGETHER) -> list[str]:
    """Run a sweep twice at the same time on one store. Return one line for each fault of the result."""
    names = ("one", "other")
    finish(folder, *[start(folder, (*sweep, f"hydra.sweep.dir={name}")) for name in names])
    tables = [read_table(folder / name / "results.csv") for name in names]
    computed = [sum(int(row["steps_total"]) - int(row["steps_cached"]) for row in table) for table in tables]
    entries = [Entry.from_bytes(path.read_bytes()) for path in (folder / "store").glob("??/*.json")]
    steps = sum(entry.tensors is not None for entry in entries)
    print(f"{len(tables[0])} runs each; {computed[0]} and {computed[1]} steps computed, {steps} steps stored")
    same = outcome(folder / "one") == outcome(folder / "other")
    return [
        *([] if same else ["the tables or the weights differ"]),
        *([] if sum(computed) == steps else ["a step was computed twice"]),
        *store_faults(folder),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fault", choices=("killed", "together"))
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments of the kills")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.fault == "killed":
            faults = killed(folder, kills=options.kills, seed=options.seed)
        else:
            faults = together(folder)
    print("\n".join(faults) or f"{options.fault}: no fault, only times differ")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
