"""Simulate a sweep on 1 to 64 cores, from measured costs of its steps.

    PRUNESWEEP_DATA=… python benchmarks/tree.py --dataset mnist           a sweep of two minutes, then the simulation
    python benchmarks/tree.py --epochs 2 --measured 1                     a small one

A sweep of 16 runs in one process with one thread measures the costs of the steps. The schedule is that of the code
which executes sweeps (`chain/tasks.py`): tasks of the default launcher, and waves of runs for joblib, Ray and Slurm.
The efficiency is the time of one worker divided by the workers and by their time. The bound is that of the best
possible schedule or above it: work that follows a dense network cannot begin before its last epoch. Starting Python,
memory bandwidth and waiting for locks are not simulated.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from commands import compose_config, environment, run_py
from parallel import machine

from prunesweep import config
from prunesweep.chain.tasks import Task, makespan, remaining, waves
from prunesweep.experiment.forecast import Forecast, forecast

AMOUNTS = (0.5, 0.8, 0.9, 0.95, 0.97, 0.98)
ROUNDING = 1e-6
WORKERS = (1, 2, 4, 8, 16, 32, 64)


def measure(folder: Path, common: Sequence[str], epochs: int) -> None:
    """Run a sweep with `epochs` dense epochs and a store in `folder`. Its first run is slower, and one of many."""
    own = (f"train.epochs={epochs}", "prune.amount=0.5,0.8,0.9,0.95", "finetune.epochs=0,1,2,3", "workers=1")
    folders = (f"store.dir={folder / 'store'}", f"hydra.sweep.dir={folder / 'sweep'}")
    command = run_py("-m", *common, *own, *folders)
    subprocess.run(command, cwd=folder, env=environment(), check=True, stdout=subprocess.DEVNULL)


def plan(folder: Path, common: Sequence[str], seeds: int, amounts: int, epochs: int, finetune: int) -> Forecast:
    """Return the plan of the sweep with an empty store and the costs of the store in `folder`."""
    combinations = itertools.product(range(seeds), AMOUNTS[:amounts], range(finetune + 1))
    runs = [
        compose_config(
            *common,
            f"store.dir={folder / 'store'}",
            f"train.epochs={epochs}",
            f"seed={seed}",
            f"prune.amount={amount}",
            f"finetune.epochs={after}",
        )
        for seed, amount, after in combinations
    ]
    return forecast([config.build(run) for run in runs], stored=False)


def in_waves(tasks: Sequence[Task], runs: int, workers: int) -> float:
    """Return the time of launchers that know only runs: each wave waits for the one before."""
    computed: set[int] = set()
    rest = {task.run: task for task in tasks if task.part is None}
    total = 0.0
    for wave in waves(tasks, runs):
        free = [0.0] * workers
        for run in wave:
            new = rest[run].after - computed
            computed |= new
            cost = rest[run].seconds + sum(tasks[number].seconds for number in new)
            heapq.heapreplace(free, free[0] + cost)
        total += max(free)
    return total


def shortest(tasks: Sequence[Task], workers: int) -> float:
    """Return a time that no schedule can go below.

    The tasks that cannot start before a moment, and that are followed by a path of some length, are all executed
    between this moment and the beginning of such a path at the end.
    """
    before, longest = [0.0] * len(tasks), remaining(tasks)
    for number, task in enumerate(tasks):
        before[number] = max((before[each] + tasks[each].seconds for each in task.after), default=0.0)
    after = [longest[number] - task.seconds for number, task in enumerate(tasks)]
    bounds = [max(longest)]
    for moment, path in itertools.product({round(each, 6) for each in before}, {round(each, 6) for each in after}):
        inside = [at >= moment - ROUNDING and left >= path - ROUNDING for at, left in zip(before, after, strict=True)]
        work = [task.seconds for task, is_inside in zip(tasks, inside, strict=True) if is_inside]
        if work:
            bounds.append(moment + path + sum(work) / workers - 2 * ROUNDING)
    return max(bounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="lenet5")
    parser.add_argument("--dataset", default="mnist5k")
    parser.add_argument("--measured", type=int, default=3, help="dense epochs of the sweep that measures the costs")
    parser.add_argument("--epochs", type=int, nargs="+", default=[10, 3], help="dense epochs; a table for each number")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--amounts", type=int, default=len(AMOUNTS))
    parser.add_argument("--finetune", type=int, default=3, help="the most epochs of fine-tuning")
    parser.add_argument("--target", type=float, default=0.85, help="the smallest efficiency with 8 workers")
    options = parser.parse_args()
    common = (f"model={options.model}", f"dataset={options.dataset}", "device=cpu", "threads=1")
    config.register()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measure(folder, common, options.measured)
        print(
            f"{machine()}. {options.model}, {options.dataset}; costs from a sweep with {options.measured} dense epochs."
        )
        for epochs in options.epochs:
            show(plan(folder, common, options.seeds, options.amounts, epochs, options.finetune), epochs, options)


def show(found: Forecast, epochs: int, options: argparse.Namespace) -> None:
    """Print the table of a sweep."""
    if found.failures or found.tree.unknown:
        raise SystemExit(f"{found.failures} runs cannot be planned; {found.tree.unknown} steps have no measured costs")
    tasks = found.tasks()
    serial, longest = makespan(tasks, 1), max(remaining(tasks))
    print(
        f"\n{options.seeds} seeds x {options.amounts} amounts x fine-tuning 0..{options.finetune}, "
        f"{epochs} dense epochs: {found.runs} runs, {found.tree.epochs} epochs, {len(tasks)} tasks; "
        f"the longest path takes {longest:.1f} s.\n"
    )
    print("| workers | time | efficiency | bound | efficiency in waves (joblib, Ray, Slurm) |\n|" + " --- |" * 5)
    for workers in WORKERS:
        time = makespan(tasks, workers)
        bound = serial / workers / shortest(tasks, workers)
        efficiency, waved = (serial / workers / each for each in (time, in_waves(tasks, found.runs, workers)))
        note = f" (target {options.target}{'' if efficiency >= options.target else ', **missed**'})"
        print(
            f"| {workers} | {time:.1f} s | {efficiency:.2f}{note if workers == 8 else ''} | {bound:.2f} | {waved:.2f} |"
        )


if __name__ == "__main__":
    main()
