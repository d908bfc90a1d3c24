"""Kills a sweep with SIGKILL at random moments, finishes it, and compares it with an undisturbed one.

    python benchmarks/faults.py --kills 20

The moments are drawn from a seed, between one state of the store and another and not by the clock: so they hit every
part of a sweep, however fast the machine is. Prints its verdict; the exit code is 0 if nothing but times differs.
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

from prunesweep import upkeep

ROOT = Path(__file__).resolve().parent.parent
TIMES = ("seconds", "steps_cached")  # of a row: what may differ
SWEEP = (
    "-m",
    "model=lenet_300_100",
    "threads=1",
    "device=cpu",
    "train.epochs=3",
    "prune.amount=0.3,0.6,0.9",
    "finetune.epochs=0,1,2,3",
    "hydra.sweep.dir=sweep",
    "store.dir=store",
)


def start(folder: Path, sweep: Sequence[str]) -> subprocess.Popen[bytes]:
    """The sweep as a process of its own, which says nothing."""
    folder.mkdir(exist_ok=True)
    with (folder / "log").open("ab") as log:
        return subprocess.Popen([sys.executable, ROOT / "run.py", *sweep], cwd=folder, stdout=log, stderr=log)


def finish(folder: Path, sweep: Sequence[str]) -> None:
    """The same sweep, left alone."""
    process = start(folder, sweep)
    if process.wait():
        raise SystemExit(f"the sweep failed:\n{(folder / 'log').read_text()}")


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


def rows(folder: Path) -> list[dict[str, str]]:
    """The table of the sweep in `folder`, without what may differ."""
    with (folder / "sweep" / "results.csv").open() as file:
        return [{key: value for key, value in row.items() if key not in TIMES} for row in csv.DictReader(file)]


def weights(folder: Path) -> dict[str, bytes]:
    """The weights of each run."""
    return {path.parent.name: path.read_bytes() for path in (folder / "sweep").glob("*/model.safetensors")}


def check(folder: Path, kills: int, seed: int, sweep: Sequence[str] = SWEEP) -> list[str]:
    """What is wrong after `kills` kills: nothing, or a line for each fault."""
    draw = random.Random(seed)
    undisturbed, killed = folder / "undisturbed", folder / "killed"
    began = time.perf_counter()
    finish(undisturbed, sweep)
    pace = (time.perf_counter() - began) / files(undisturbed)  # seconds a file, start-up included
    for number in range(kills):
        left = max(1, files(undisturbed) - files(killed)) if killed.exists() else files(undisturbed)
        after, wait = draw.randint(0, 2 * left // (kills - number)), draw.random() * pace
        running = kill(killed, sweep, after, wait)
        moment = f"{after} files and {1000 * wait:.0f} ms later, {files(killed)} files in all"
        print(f"kill {number + 1:2d}: {moment}{'' if running else ', when it had just ended'}", flush=True)
    finish(killed, sweep)
    entries, damaged = upkeep.verify(killed / "store")
    said = (killed / "log").read_text()
    print(f"finished: {entries} entries in the store, {len(damaged)} damaged")
    return [
        fault
        for fault, found in (
            ("results.csv differs", rows(killed) != rows(undisturbed)),
            ("the weights differ", weights(killed) != weights(undisturbed)),
            ("entries are damaged", bool(damaged)),
            ("a warning was given", "Warning" in said or "damaged" in said),
        )
        if found
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("overrides", nargs="*", help="further overrides of the sweep")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        faults = check(Path(folder), chosen.kills, chosen.seed, [*SWEEP, *chosen.overrides])
    print("; ".join(faults) or f"after {chosen.kills} kills the sweep is the undisturbed one, but for times")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
