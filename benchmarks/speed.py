"""Measure epochs, sweeps and the fixed costs of a run, and compare them with their targets.

    PRUNESWEEP_DATA=… python benchmarks/speed.py --write

Prints the section of benchmarks/README.md as Markdown. Takes five to fifteen minutes on two cores. `--quick` tests the
script on little data; its figures mean nothing. `--profile lenet_300_100` prints where the time of an epoch is spent.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import loops
import torch
from commands import (
    ROOT,
    Sweeps,
    compose_config,
    compose_job,
    hash_steps,
    in_new_process,
    script_epochs,
    timed,
)
from pages import replace_section
from torch.profiler import ProfilerActivity, profile

from prunesweep import config
from prunesweep.chain.context import Context
from prunesweep.chain.schedules.plan import plan
from prunesweep.chain.state import State
from prunesweep.config import RunConfig
from prunesweep.experiment.device import use_device
from prunesweep.experiment.planning import prepare

Figures = TypeVar("Figures")
Contenders = Mapping[str, Callable[[], float]]

PAGE = ROOT / "benchmarks" / "README.md"
THREADS = 2
AMOUNT = 0.9
MODELS = ("lenet5", "lenet5_caffe", "lenet_300_100")
SPEED_UP_TARGETS = {"lenet5": 3.0, "lenet_300_100": 9.0}


@dataclass(frozen=True)
class Size:
    """The size of the measurement: the data set of all epochs and sweeps, and the repeats."""

    dataset: str = "mnist"
    repeats: int = 3
    script_repeats: int = 2


QUICK = Size(dataset="mnist5k", repeats=1, script_repeats=1)


def interleaved(contenders: Contenders, repeats: Mapping[str, int]) -> dict[str, float]:
    """Return the median seconds of each contender. In each round, each contender runs once."""
    seconds = defaultdict(list)
    for number in range(max(repeats.values())):
        for name, run in contenders.items():
            if number < repeats[name]:
                seconds[name].append(run())
    return {name: statistics.median(values) for name, values in seconds.items()}


def settings_of(model: str, size: Size) -> RunConfig:
    """Return the settings of a run of `model` with one dense epoch and one epoch of fine-tuning."""
    fixed = ("device=cpu", f"threads={THREADS}", f"prune.amount={AMOUNT}", "train.epochs=1", "finetune.epochs=1")
    return config.build(compose_config(f"model={model}", f"dataset={size.dataset}", *fixed))


def context_of(run: RunConfig) -> Context:
    return Context(run.model, run.dataset, use_device(run.device, run.threads))


def training_passes(run: RunConfig, context: Context) -> Contenders:
    """Return functions that run a dense and a pruned epoch of `run` and return the seconds of the training pass."""
    build, train, prune, finetune = plan(run.schedule, prepare(run, context)).chain
    dense, _ = build.apply(State(), context)
    pruned, _ = prune.apply(dense, context)
    return {
        "dense": lambda: train.apply(dense, context)[1]["seconds"],
        "pruned": lambda: finetune.apply(pruned, context)[1]["seconds"],
    }


def epochs(model: str, size: Size, root: Path) -> dict[str, float]:
    """Return the median seconds of one epoch of `model` by each contender, and the seconds of the script's test."""
    run = settings_of(model, size)
    context = context_of(run)
    network, train = context.template, context.data.train
    images = train.images.clone(memory_format=torch.contiguous_format)  # the layout that scripts use
    fraction = [loops.script_loader(root, max(len(train) // 10, loops.BATCH), count) for count in range(3)]
    workers = min(range(3), key=lambda count: loops.script_epoch(network(), fraction[count]))
    loader = loops.script_loader(root, len(train), workers)
    contenders: Contenders = {
        "bare": lambda: loops.bare_epoch(network(), images, train.labels),
        **training_passes(run, context),
        "script": lambda: loops.script_epoch(network(), loader),
        "script pruned": lambda: loops.script_epoch(loops.script_pruned(network(), AMOUNT), loader),
    }
    contenders["bare"]()  # warm up
    repeats = {key: size.script_repeats if "script" in key else size.repeats for key in contenders}
    medians = interleaved(contenders, repeats)
    test = loops.script_loader(root, len(context.data.test), workers, train=False)
    return {**medians, "script test": loops.script_test(network(), test), "workers": workers, "examples": len(train)}


def epoch_rows(measured: Mapping[str, Mapping[str, float]]) -> list[list[str]]:
    rows = []
    for model, seconds in measured.items():
        target = SPEED_UP_TARGETS.get(model)
        for label, ours, script in (("dense", "dense", "script"), (f"pruned {AMOUNT}", "pruned", "script pruned")):
            ratio, speed_up = seconds[ours] / seconds["bare"], seconds[script] / seconds[ours]
            figure = f"{speed_up:.1f} x"
            rows.append(
                [
                    f"`{model}`, {label}",
                    f"{seconds['bare']:.2f} s",
                    f"{seconds[ours]:.2f} s",
                    with_target(f"{ratio:.2f}", "<= 1.10", met=ratio <= 1.10),
                    f"{seconds[script]:.2f} s ({seconds['workers']:.0f})",
                    with_target(figure, f">= {target:g} x", met=speed_up >= target) if target else figure,
                ]
            )
    return rows


def with_target(figure: str, target: str, *, met: bool) -> str:
    return f"{figure} ({target}{'' if met else ', **missed**'})"


@dataclass(frozen=True)
class Commands:
    """Measurements of commands and of the fixed costs of a run.

    Attributes:
        cold: Seconds of the sweep with an empty store.
        warm: Seconds of the same sweep with every step stored.
        single: Seconds of a sweep of one run with every step stored.
        help: Seconds of `python run.py --help`.
        compose: Seconds that Hydra alone takes to compose the configuration of one job.
        hashes: Seconds of the code hashes of all steps in a new process.
        peak_gb: Peak memory of the sweep with an empty store.
        runs: Number of runs of the sweep.
        computed: Number of steps that the sweep with every step stored computed.
    """

    cold: float
    warm: float
    single: float
    help: float
    compose: float
    hashes: float
    peak_gb: float
    runs: int
    computed: int


def commands(size: Size) -> Commands:
    """Measure the sweep with an empty store, then everything that trains nothing, interleaved."""
    with tempfile.TemporaryDirectory() as folder:
        sweeps = Sweeps(Path(folder), size.dataset)
        cold = sweeps.run("cold")
        contenders = {
            "warm": lambda: sweeps.run("warm").seconds,
            "single": lambda: sweeps.run("single", (0.5,), (0,)).seconds,
            "help": lambda: timed("--help").seconds,
            "compose": compose_job,
            "hashes": lambda: in_new_process(hash_steps),
        }
        medians = interleaved(contenders, dict.fromkeys(contenders, size.repeats))
        runs, computed = sweeps.computed("warm")
    return Commands(cold.seconds, **medians, peak_gb=cold.peak_gb, runs=runs, computed=computed)


def command_rows(measured: Commands, script: Mapping[str, float]) -> list[list[str]]:
    dense, pruned = script_epochs()
    scaled = dense * script["script"] + pruned * script["script pruned"] + measured.runs * script["script test"]
    speed_up, further = scaled / measured.cold, (measured.warm - measured.single) / (measured.runs - 1)
    figures = [
        (f"the sweep of {measured.runs} runs, empty store", f"{measured.cold:.1f} s", "", True),
        (f"the same sweep by the script, scaled from {dense} + {pruned} epochs", f"{scaled:.0f} s", "", True),
        ("speed-up over the script", f"{speed_up:.1f} x", ">= 18 x", speed_up >= 18),
        ("the same sweep, every step stored", f"{measured.warm:.2f} s", "<= 9 s", measured.warm <= 9),
        ("steps that it computes", str(measured.computed), "0", measured.computed == 0),
        ("a sweep of one run, every step stored", f"{measured.single:.2f} s", "", True),
        ("each further job, without training", f"{further:.3f} s", "<= 0.20 s", further <= 0.20),
        ("for comparison: Hydra alone composes the config of one job", f"{measured.compose:.3f} s", "", True),
        ("the code hashes of all steps, once per process", f"{measured.hashes:.2f} s", "", True),
        ("`python run.py --help`", f"{measured.help:.2f} s", "<= 1.0 s", measured.help <= 1.0),
        ("peak resident memory of the sweep", f"{measured.peak_gb:.2f} GB", "<= 1.2 GB", measured.peak_gb <= 1.2),
    ]
    return [[name, figure, f"{target}{'' if met else ' **missed**'}"] for name, figure, target, met in figures]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = (header, ["---"] * len(header), *rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    names = [
        line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "name" in line
    ]
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores, {THREADS} threads, "
        f"torch {torch.__version__}, Python {platform.python_version()}; load average at the end {load}"
    )


def shares(model: str, size: Size) -> str:
    """Return a table of the operations that take the most time of a dense epoch of `model`, without their children."""
    run = settings_of(model, size)
    epoch = training_passes(run, context_of(run))["dense"]
    epoch()  # warm up
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        epoch()
    operations = sorted(profiler.key_averages(), key=lambda operation: -operation.self_cpu_time_total)
    total = sum(operation.self_cpu_time_total for operation in operations)
    rows = [
        [f"`{each.key}`", f"{100 * each.self_cpu_time_total / total:.0f} %", str(each.count)] for each in operations[:8]
    ]
    return table([f"`{model}`", "of the epoch", "calls"], rows)


def logged(figures: Figures) -> Figures:
    """Print `figures` to standard error as soon as they are measured, and return them."""
    print(figures, file=sys.stderr, flush=True)
    return figures


def section(size: Size, root: Path) -> str:
    """Return the section of the page. Commands run first, because a process inherits its parent's peak memory."""
    whole = logged(commands(size))
    measured = {model: logged(epochs(model, size, root)) for model in MODELS}
    return "\n\n".join(
        [
            f"{machine()}. Medians of {size.repeats} repeats ({size.script_repeats} of the script), interleaved; "
            f"{measured['lenet5']['examples']:,} images, batch {loops.BATCH}; targets in brackets.",
            table(
                [
                    "one epoch",
                    "bare loop",
                    "prunesweep",
                    "relative to the bare loop",
                    "script (workers)",
                    "speed-up over the script",
                ],
                epoch_rows(measured),
            ),
            table(
                ["`lenet5`, 5 amounts x fine-tune epochs 0..4", "measured", "target"],
                command_rows(whole, measured["lenet5"]),
            ),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="use 3,500 images and one repeat, to test the script")
    parser.add_argument("--write", action="store_true", help="write the section into benchmarks/README.md as well")
    parser.add_argument("--profile", choices=MODELS, help="print where the time of an epoch of this network is spent")
    options = parser.parse_args()
    root = os.environ.get("PRUNESWEEP_DATA")
    if root is None:
        parser.error("set PRUNESWEEP_DATA to the folder of MNIST in torchvision's layout")
    size = QUICK if options.quick else Size()
    config.register()
    if options.profile:
        print(shares(options.profile, size))
        return
    text = section(size, Path(root))
    print(text)
    if options.write:
        replace_section(PAGE, "speed", text)


if __name__ == "__main__":
    main()
