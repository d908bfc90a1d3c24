"""Compare workers and threads: whole sweeps, the README's first command, and epochs of single runs.

    PRUNESWEEP_DATA=… python benchmarks/parallel.py sweep            1, 2 and more workers, one and two threads
    PRUNESWEEP_DATA=… python benchmarks/parallel.py sweep --busy     the same beside a process that uses one core
    python benchmarks/parallel.py first --baseline FOLDER            the README's first command, here and in a checkout
    PRUNESWEEP_DATA=… python benchmarks/parallel.py threads          what one thread costs a single run, per network

Contenders take turns in each round, and each command starts with an empty store. `--results FILE` appends each
measurement as a line of JSON at once, so that nothing is lost if the benchmark is stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODELS = ("lenet5", "lenet5_caffe", "lenet_300_100", "conv_lenet")
FIRST = ("-m", "prune.amount=0.1,0.2,0.5")
"""The README's first command."""


@dataclass(frozen=True)
class Contender:
    """A command of `run.py` of the checkout in `root`."""

    arguments: Sequence[str]
    root: Path = ROOT

    def run(self) -> tuple[float, Path]:
        """Run the command with an empty store. Returns its seconds, and the directory in which it ran."""
        folder = Path(tempfile.mkdtemp(prefix="prunesweep-benchmark-"))
        command = [sys.executable, str(self.root / "run.py"), *self.arguments, f"store.dir={folder / 'store'}"]
        environment = {**os.environ, "PYTHONPATH": str(self.root / "src"), "XDG_CACHE_HOME": str(folder / "cache")}
        environment = {name: value for name, value in environment.items() if not name.startswith(("OMP_", "MKL_"))}
        started = time.perf_counter()
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}: {done.stderr}")
        return time.perf_counter() - started, folder


@dataclass(frozen=True)
class Apart:
    """Commands that run at the same time and share nothing: the most that this machine gains by processes."""

    parts: Sequence[Contender]

    def run(self) -> tuple[float, Path]:
        """Run all commands. Returns the seconds of the longest, and the directory of the first."""
        with ThreadPoolExecutor(len(self.parts)) as pool:
            seconds, folders = zip(*pool.map(Contender.run, self.parts), strict=True)
        for folder in folders[1:]:
            shutil.rmtree(folder)
        return max(seconds), folders[0]


@contextmanager
def busy(*, wanted: bool) -> Iterator[None]:
    """Keep one core busy, if `wanted`."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if wanted else None
    try:
        yield
    finally:
        if process is not None:
            process.kill()
            process.wait()


def epoch_seconds(folder: Path) -> float:
    """Return the median seconds of a dense epoch of the only run in `folder`, without the first one."""
    (path,) = folder.glob("outputs/**/result.json")
    seconds = [epoch["seconds"] for epoch in json.loads(path.read_text())["history"] if epoch["phase"] == "dense"]
    return float(statistics.median(seconds[1:] or seconds))


def measure(
    contenders: Mapping[str, Contender | Apart], options: argparse.Namespace, *, epochs: bool = False
) -> dict[str, list[float]]:
    """Return the seconds of each contender in each round: of the command, or of its epochs."""
    seconds = defaultdict(list)
    for number in range(options.repeats):
        for name, contender in contenders.items():
            with busy(wanted=options.busy):
                whole, folder = contender.run()
            seconds[name].append(epoch_seconds(folder) if epochs else whole)
            shutil.rmtree(folder)
            line = {"contender": name, "round": number, "busy": options.busy, "seconds": round(seconds[name][-1], 3)}
            print(json.dumps(line), file=sys.stderr, flush=True)
            if options.results:
                with options.results.open("a") as file:
                    file.write(json.dumps(line) + "\n")
    return seconds


def spread(values: Sequence[float]) -> str:
    """Return the median of `values`, and their range if there are several."""
    text = f"{statistics.median(values):.2f} s"
    return f"{text} ({min(values):.2f} to {max(values):.2f})" if len(values) > 1 else text


def rows(seconds: Mapping[str, Sequence[float]], reference: str) -> list[list[str]]:
    """Return the seconds of each contender, and their median ratio to those of `reference` in the same round."""
    ratios = {
        name: statistics.median(ours / theirs for ours, theirs in zip(values, seconds[reference], strict=True))
        for name, values in seconds.items()
    }
    return [[name, spread(values), f"{ratios[name]:.2f}"] for name, values in seconds.items()]


def sweep(options: argparse.Namespace) -> list[list[str]]:
    common = (
        "-m",
        "model=lenet5",
        f"dataset={options.dataset}",
        "device=cpu",
        f"train.epochs={options.epochs}",
        f"prune.amount={','.join(('0.5', '0.8', '0.9', '0.95', '0.97', '0.98')[: options.amounts])}",
        f"finetune.epochs={','.join(map(str, range(options.finetune + 1)))}",
    )

    def contender(seeds: Sequence[int], workers: int, threads: int) -> Contender:
        return Contender((*common, f"seed={','.join(map(str, seeds))}", f"workers={workers}", f"threads={threads}"))

    seeds = range(options.seeds)
    contenders: dict[str, Contender | Apart] = {
        f"workers={workers} threads={threads}": contender(seeds, workers, threads)
        for workers, threads in options.contenders
    }
    if options.apart:
        halves = (seeds[::2], seeds[1::2])
        contenders["two commands, each with half of the seeds"] = Apart([contender(half, 1, 1) for half in halves])
    return rows(measure(contenders, options), next(iter(contenders)))


def first(options: argparse.Namespace) -> list[list[str]]:
    contenders = {"here": Contender(FIRST), "baseline": Contender(FIRST, options.baseline.resolve())}
    return rows(measure(contenders, options), "baseline")


def threads(options: argparse.Namespace) -> list[list[str]]:
    found = []
    for model in options.models:
        common = (f"model={model}", f"dataset={options.dataset}", "device=cpu", f"train.epochs={options.epochs}")
        contenders = {
            f"`{model}`, threads={count}": Contender((*common, "prune=none", "finetune.epochs=0", f"threads={count}"))
            for count in (1, 2)
        }
        found += rows(measure(contenders, options, epochs=True), f"`{model}`, threads=1")
    return found


def machine() -> str:
    names = [
        each.partition(":")[2].strip() for each in Path("/proc/cpuinfo").read_text().splitlines() if "name" in each
    ]
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    name = names[0] if names else platform.processor()
    return f"{name}, {os.cpu_count()} cores; commit {commit.stdout.strip()}; load average at the end {load}"


def pair(text: str) -> tuple[int, int]:
    workers, count = text.split("x")
    return int(workers), int(count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark", choices=("sweep", "first", "threads"))
    parser.add_argument("--busy", action="store_true", help="keep one core busy")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--results", type=Path, help="append each measurement to this file")
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--epochs", type=int, default=3, help="dense epochs")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--amounts", type=int, default=6)
    parser.add_argument("--finetune", type=int, default=3, help="the most epochs of fine-tuning")
    parser.add_argument(
        "--contenders", type=pair, nargs="+", default=[(1, 1), (2, 1), (1, 2)], help="workers x threads, such as 2x1"
    )
    parser.add_argument("--apart", action="store_true", help="also two commands that share nothing, in `sweep`")
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--baseline", type=Path, help="a checkout of other code, for `first`")
    options = parser.parse_args()
    if options.benchmark == "first" and options.baseline is None:
        parser.error("first needs --baseline")
    found = {"sweep": sweep, "first": first, "threads": threads}[options.benchmark](options)
    print(f"{machine()}. Median of {options.repeats} rounds{', beside a busy process' if options.busy else ''}.\n")
    for line in (["", "seconds", "ratio"], ["---"] * 3, *found):
        print(f"| {' | '.join(line)} |")


if __name__ == "__main__":
    main()
