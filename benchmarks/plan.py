"""Compare the time that the plan of a sweep predicts with the measured time. Target: within 30 %.

    PRUNESWEEP_DATA=… python benchmarks/plan.py --dataset mnist
    python benchmarks/plan.py --epochs 2 --kinds grid          a small one

The store has seen one run of the network, with seed 0, one-shot pruning to 0.5 and two epochs of fine-tuning. Each
sweep starts with a copy of this store. The predicted time is read from the line that the sweep prints before it starts.
The measured time begins with this line and ends with the last result. The report at the end is not included, as in the
plan. `--results FILE` appends each measurement as a line of JSON at once.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from commands import environment, run_py
from parallel import machine

KINDS: Mapping[str, tuple[str, ...]] = {
    "grid": ("prune.amount=0.3,0.6,0.7,0.8,0.9,0.95",),
    "seeds": ("seed=1,2,3,4", "finetune.epochs=0,1,2,3"),
    "rounds": ("schedule=iterative,lottery", "prune.amount=0.8,0.9", "seed=0,1"),
}
"""The overrides of each kind of sweep."""
PLAN = re.compile(r"^[\d,]+ runs?: .*; (?:about|at least) (.+?)(?: with (\d+) workers)?(?:,.*| \(.*)?$")
UNITS = {"h": 3600, "min": 60, "s": 1}
TOLERANCE = 0.30


@dataclass(frozen=True)
class Measured:
    """A sweep: its kind, its workers, the predicted and the measured seconds, and those of the whole command."""

    kind: str
    workers: int
    predicted: float
    seconds: float
    command: float

    @property
    def ratio(self) -> float:
        """The predicted time relative to the measured one."""
        return self.predicted / self.seconds


def seconds_of(text: str) -> float:
    """Return the seconds of a time in a plan, such as `1 min 40 s`."""
    return sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+) (h|min|s)\b", text))


def first_run(folder: Path, common: Sequence[str]) -> None:
    """Fill the store in `folder` with one run."""
    command = run_py(*common, "prune.amount=0.5", "finetune.epochs=2", "store.dir=store", "hydra.run.dir=first")
    subprocess.run(command, cwd=folder, env=environment(), check=True, stdout=subprocess.DEVNULL)


def sweep(kind: str, folder: Path, overrides: Sequence[str]) -> Measured:
    """Run a sweep in `folder`, which contains the store."""
    command = run_py("-m", *overrides, "store.dir=store", "hydra.sweep.dir=sweep")
    started, planned, plan = time.time(), 0.0, None
    with subprocess.Popen(command, cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if plan is None and (plan := PLAN.match(line.rstrip())):
                planned = time.time()
    if process.returncode or plan is None:
        raise SystemExit(f"{' '.join(command)} failed, or printed no time")
    ended = max(path.stat().st_mtime for path in folder.glob("sweep/*/result.json"))
    return Measured(kind, int(plan[2] or 1), seconds_of(plan[1]), ended - planned, time.time() - started)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="lenet5")
    parser.add_argument("--dataset", default="mnist5k")
    parser.add_argument("--epochs", type=int, default=10, help="dense epochs of all runs")
    parser.add_argument("--workers", default="auto")
    parser.add_argument("--kinds", nargs="+", choices=tuple(KINDS), default=tuple(KINDS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--results", type=Path, help="append each measurement to this file")
    options = parser.parse_args()
    common = (f"model={options.model}", f"dataset={options.dataset}", f"train.epochs={options.epochs}", "device=cpu")
    found: dict[str, list[Measured]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        first = Path(name, "first")
        first.mkdir()
        first_run(first, common)
        for number in range(options.repeats):
            for kind in options.kinds:
                folder = Path(name, f"{kind}-{number}")
                shutil.copytree(first / "store", folder / "store")
                measured = sweep(kind, folder, (*common, f"workers={options.workers}", *KINDS[kind]))
                shutil.rmtree(folder)
                found[kind].append(measured)
                line = json.dumps(
                    {**asdict(measured), "round": number, "model": options.model, "data": options.dataset}
                )
                print(line, file=sys.stderr, flush=True)
                if options.results:
                    with options.results.open("a") as file:
                        file.write(line + "\n")
    print(f"{machine()}. Medians of {options.repeats} rounds; {options.model}, {options.dataset}.\n")
    print("| sweep | workers | predicted | measured | whole command | predicted / measured (range) |\n|" + " --- |" * 6)
    missed = False
    for kind, each in found.items():
        ratios = [one.ratio for one in each]
        median = statistics.median(ratios)
        missed |= abs(median - 1) > TOLERANCE
        predicted, seconds, command = (
            statistics.median(getattr(one, field) for one in each) for field in ("predicted", "seconds", "command")
        )
        print(
            f"| {kind}: `{' '.join(KINDS[kind])}` | {each[0].workers} | {predicted:.0f} s | {seconds:.1f} s | "
            f"{command:.1f} s | {median:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            f"{' **missed**' if abs(median - 1) > TOLERANCE else ''} |"
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
