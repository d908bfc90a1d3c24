"""What can happen to a sweep and its store: it is killed, and two processes run it at once.

    python benchmarks/faults.py killed --kills 20
    python benchmarks/faults.py together

`killed` kills a sweep with SIGKILL at random moments, finishes it, and compares it with an undisturbed one.
`together` starts a sweep of 25 runs twice at the same time on one store, compares the tables, and counts the steps.

The moments are drawn from a seed, between one state of the store and another and not by the clock: so they hit every
part of a sweep, however fast the machine is. Each prints its verdict; the exit code is 0 if all is as it should be.
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
from collections.abc import Sequence
from pathlib import Path

from prunesweep.store.entries import Entry
from prunesweep.store.store import verify

ROOT = Path(__file__).resolve().parent.parent
TIMES = ("seconds", "steps_cached")  # of a row: what may differ
COMMON = ("-m", "model=lenet_300_100", "threads=1", "device=cpu", "store.dir=store")
KILLED = (*COMMON, "train.epochs=3", "prune.amount=0.3,0.6,0.9", "finetune.epochs=0,1,2,3")
TOGETHER = (*COMMON, "train.epochs=5", "prune.amount=0.1,0.3,0.5,0.7,0.9", "finetune.epochs=0,1,2,3,4")


def start(folder: Path, sweep: Sequence[str], name: str = "sweep") -> subprocess.Popen[bytes]:
    """The sweep as a process of its own, which says what it says to `log`."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, ROOT / "run.py", *sweep, f"hydra.sweep.dir={name}"]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)


def finish(folder: Path, *processes: subprocess.Popen[bytes]) -> None:
    """Wait until all of them have ended well."""
    codes = [process.wait() for process in processes]
    if any(codes):
        raise SystemExit(f"a sweep failed:\n{(folder / 'log').read_text()}")


def files(folder: Path) -> int:
    """How far a sweep is: the files in its store and its folder, unfinished ones among them."""
    return sum(len(names) for _, _, names in os.walk(folder))


def kill(folder: Path, sweep: Sequence[str], after: int, wait: float) -> bool:
    """Start the sweep, kill it `wait` seconds after it has written `after` more files; whether it was still running."""
    process = start(folder, sweep)
    goal = files(folder) + after
    while process.poll() is None and files(folder) < goal:
        time.sleep(0.005)
    time.sleep(wait)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def rows(sweep: Path) -> list[dict[str, str]]:
    """The table of a sweep."""
    with (sweep / "results.csv").open() as file:
        return list(csv.DictReader(file))


def outcome(sweep: Path) -> tuple[list[dict[str, str]], dict[str, bytes]]:
    """The table of a sweep without what may differ, and the weights of each run."""
    table = [{key: value for key, value in row.items() if key not in TIMES} for row in rows(sweep)]
    return table, {path.parent.name: path.read_bytes() for path in sweep.glob("*/model.safetensors")}


def flaws(folder: Path) -> list[str]:
    """What is wrong with the store of `folder`, and what warnings were given there."""
    said, (entries, damaged) = (folder / "log").read_text(), verify(folder / "store")
    print(f"{entries} entries in the store, {len(damaged)} damaged")
    found = (f"damaged: {damaged}" if damaged else "", "a warning was given" if "Warning" in said else "")
    return [*filter(None, found), *(line for line in said.splitlines() if "set aside" in line)]


def killed(folder: Path, sweep: Sequence[str] = KILLED, kills: int = 20, seed: int = 0) -> list[str]:
    """What is wrong with a sweep that was killed so often and then finished: nothing, or a line for each fault."""
    draw = random.Random(seed)
    undisturbed, disturbed = folder / "undisturbed", folder / "disturbed"
    began = time.perf_counter()
    finish(undisturbed, start(undisturbed, sweep))
    pace = (time.perf_counter() - began) / files(undisturbed)  # seconds a file, start-up included
    for number in range(kills):
        left = max(1, files(undisturbed) - files(disturbed))
        after, wait = draw.randint(0, 2 * left // (kills - number)), draw.random() * pace
        running = kill(disturbed, sweep, after, wait)
        moment = f"{after} files and {1000 * wait:.0f} ms later, {files(disturbed)} files in all"
        print(f"kill {number + 1:2d}: {moment}{'' if running else ', when it had just ended'}", flush=True)
    finish(disturbed, start(disturbed, sweep))
    same = outcome(disturbed / "sweep") == outcome(undisturbed / "sweep")
    return [*([] if same else ["the table or the weights differ"]), *flaws(disturbed)]


def together(folder: Path, sweep: Sequence[str] = TOGETHER) -> list[str]:
    """What is wrong with two sweeps that ran at once on one store: nothing, or a line for each fault."""
    names = ("one", "other")
    finish(folder, *[start(folder, sweep, name) for name in names])
    tables = [rows(folder / name) for name in names]
    computed = [sum(int(row["steps_total"]) - int(row["steps_cached"]) for row in table) for table in tables]
    steps = sum(
        Entry.from_bytes(path.read_bytes()).tensors is not None for path in (folder / "store").glob("??/*.json")
    )
    print(f"{len(tables[0])} runs each; {computed[0]} and {computed[1]} steps computed, {steps} steps stored")
    same = outcome(folder / "one") == outcome(folder / "other")
    return [
        *([] if same else ["the tables or the weights differ"]),
        *([] if sum(computed) == steps else ["a step was computed twice"]),
        *flaws(folder),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("killed", "together"))
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        faults = killed(folder, kills=chosen.kills, seed=chosen.seed) if chosen.what == "killed" else together(folder)
    print("\n".join(faults) or f"{chosen.what}: all as it should be, nothing but times differs")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
