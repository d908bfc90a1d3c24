"""Speed: prunesweep's epochs, sweeps and fixed costs beside their targets, as the Markdown of benchmarks/README.md.

    PRUNESWEEP_DATA=… python benchmarks/speed.py --write

Five to fifteen minutes on two cores; `--quick` tries everything on a fraction, for figures that mean nothing.
`--profile lenet_300_100` shows where an epoch goes instead.
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
from typing import TYPE_CHECKING, TypeVar

from commands import ROOT, Spent, Sweeps, composing, script_epochs, spent

if TYPE_CHECKING:
    from prunesweep.chain.context import Context

Figures = TypeVar("Figures")

PAGE = ROOT / "benchmarks" / "README.md"
BEGIN, END = "<!-- speed -->", "<!-- end of speed -->"
THREADS = 2
AMOUNT = 0.9
MODELS = ("lenet5", "lenet5_caffe", "lenet_300_100")
SCRIPT_TARGET = {"lenet5": 3.0, "lenet_300_100": 9.0}


@dataclass(frozen=True)
class Size:
    """How much is measured: the training images of an epoch, the data set of the sweep, repeats."""

    examples: int = 55_000
    dataset: str = "mnist"
    repeats: int = 3
    script_repeats: int = 2


QUICK = Size(examples=5_500, dataset="mnist5k", repeats=1, script_repeats=1)


def interleaved(contenders: Mapping[str, Callable[[], float]], repeats: Mapping[str, int]) -> dict[str, float]:
    """The median seconds of each contender; in every round each runs once, until it has had its repeats."""
    seconds = defaultdict(list)
    for number in range(max(repeats.values())):
        for name, run in contenders.items():
            if number < repeats[name]:
                seconds[name].append(run())
    return {name: statistics.median(values) for name, values in seconds.items()}


def setting_of(name: str, size: Size, root: Path) -> Context:
    """The network `name` on the first images of full MNIST's training split."""
    from prunesweep.data.datasets import Data, Split
    from prunesweep.data.settings import Dataset
    from prunesweep.experiment.device import use_device
    from prunesweep.models.settings import MODELS as SETTINGS
    from prunesweep.chain.context import Context

    @dataclass(frozen=True)
    class Part(Context):
        @property
        def data(self) -> Data:
            full = super().data
            train = Split(full.train.images[: size.examples], full.train.labels[: size.examples])
            return Data(train, full.validation, full.test)

    model = next(option() for option in SETTINGS if option.__name__.lower() == name.replace("_", ""))
    return Part(model, Dataset("mnist", str(root), validation=5_000), use_device("cpu", THREADS))


def ours(context: Context) -> dict[str, Callable[[], float]]:
    """The training pass of the step that every run is made of, dense and pruned."""
    from prunesweep.chain.prune_steps import Prune
    from prunesweep.pruning.settings import Pruning
    from prunesweep.chain.state import State
    from prunesweep.chain.steps import Init, TrainEpoch
    from prunesweep.training.settings import SGD

    step = TrainEpoch("", SGD(), lr=0.03, batch_size=128, index=0, seed=0)
    dense, _ = Init(context.model, context.dataset.shape, 0).apply(State(), context)
    layers = tuple(key for key in dense.weights if key.endswith("weight"))
    pruned, _ = Prune("", Pruning(amount=AMOUNT), layers, index=0, seed=0).apply(dense, context)
    return {
        "dense": lambda: step.apply(dense, context)[1]["seconds"],
        "pruned": lambda: step.apply(pruned, context)[1]["seconds"],
    }


def epochs(name: str, size: Size, root: Path) -> dict[str, float]:
    """Median seconds of one epoch of the network `name`, by each contender, and of the script's test."""
    import loops
    import torch

    context = setting_of(name, size, root)
    train, build = context.data.train, context.build
    # As a script has them: one channel after the other.
    images = train.images.clone(memory_format=torch.contiguous_format)
    part = [loops.script_loader(root, max(size.examples // 10, 128), count) for count in range(3)]
    workers = min(range(3), key=lambda count: loops.script_epoch(build(), part[count]))
    loader = loops.script_loader(root, size.examples, workers)
    contenders = {
        "bare": lambda: loops.bare_epoch(build(), images, train.labels),
        **ours(context),
        "script": lambda: loops.script_epoch(build(), loader),
        "script pruned": lambda: loops.script_epoch(loops.script_pruned(build(), AMOUNT), loader),
    }
    contenders["bare"]()  # what torch does once
    repeats = {key: size.script_repeats if "script" in key else size.repeats for key in contenders}
    medians = interleaved(contenders, repeats)
    test = loops.script_loader(root, min(10_000, size.examples), workers, train=False)
    return {**medians, "script test": loops.script_test(build(), test), "workers": workers}


def epoch_rows(measured: Mapping[str, Mapping[str, float]]) -> list[list[str]]:
    rows = []
    for name, seconds in measured.items():
        for label, own, script in (("dense", "dense", "script"), (f"pruned {AMOUNT}", "pruned", "script pruned")):
            ratio, gain = seconds[own] / seconds["bare"], seconds[script] / seconds[own]
            target = SCRIPT_TARGET.get(name)
            rows.append(
                [
                    f"`{name}`, {label}",
                    f"{seconds['bare']:.2f} s",
                    f"{seconds[own]:.2f} s",
                    beside(f"{ratio:.2f}", "<= 1.10", met=ratio <= 1.10),
                    f"{seconds[script]:.2f} s ({seconds['workers']:.0f})",
                    beside(f"{gain:.1f} x", f">= {target:g} x", met=gain >= target) if target else f"{gain:.1f} x",
                ]
            )
    return rows


def beside(figure: str, target: str, *, met: bool) -> str:
    """A figure next to its target."""
    return f"{figure} ({target}{'' if met else ', **missed**'})"


@dataclass(frozen=True)
class Commands:
    """Whole commands: the sweep as first run; medians of `--help`, of stored sweeps of 25 runs and of 1; peak GB.

    `compose`: what Hydra alone takes for the config of one job.
    """

    cold: float
    warm: float
    single: float
    help: float
    compose: float
    peak_gb: float
    runs: int
    computed: int


def commands(size: Size) -> Commands:
    """Time the sweep with an empty store, then everything that trains nothing, interleaved."""
    with tempfile.TemporaryDirectory() as folder:
        sweeps = Sweeps(Path(folder), size.dataset)
        cold: Spent = sweeps.run("cold")
        medians = interleaved(
            {
                "warm": lambda: sweeps.run("warm").seconds,
                "single": lambda: sweeps.run("single", (0.5,), (0,)).seconds,
                "help": lambda: spent("--help").seconds,
                "compose": composing,
            },
            dict.fromkeys(("warm", "single", "help", "compose"), size.repeats),
        )
        runs, computed = sweeps.computed("warm")
        return Commands(cold.seconds, **medians, peak_gb=cold.peak_gb, runs=runs, computed=computed)


def command_rows(measured: Commands, script: Mapping[str, float]) -> list[list[str]]:
    dense, pruned = script_epochs()
    scaled = dense * script["script"] + pruned * script["script pruned"] + measured.runs * script["script test"]
    gain, further = scaled / measured.cold, (measured.warm - measured.single) / (measured.runs - 1)
    figures = [
        (f"the sweep of {measured.runs} runs, empty store", f"{measured.cold:.1f} s", "", True),
        (f"the same by the script, scaled from {dense} + {pruned} epochs", f"{scaled:.0f} s", "", True),
        ("gain on the script", f"{gain:.1f} x", ">= 18 x", gain >= 18),
        ("the same sweep, every step stored", f"{measured.warm:.2f} s", "<= 9 s", measured.warm <= 9),
        ("steps computed in it", str(measured.computed), "0", measured.computed == 0),
        ("a sweep of one run, every step stored", f"{measured.single:.2f} s", "", True),
        ("a further job, beyond its training", f"{further:.3f} s", "<= 0.20 s", further <= 0.20),
        ("beside it: composing one config from its files, by Hydra alone", f"{measured.compose:.3f} s", "", True),
        ("`python run.py --help`", f"{measured.help:.2f} s", "<= 1.0 s", measured.help <= 1.0),
        ("peak resident memory of the sweep", f"{measured.peak_gb:.2f} GB", "<= 1.2 GB", measured.peak_gb <= 1.2),
    ]
    return [[name, figure, f"{target}{'' if met else ' **missed**'}"] for name, figure, target, met in figures]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = (header, ["---"] * len(header), *rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    import torch

    names = [
        line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "name" in line
    ]
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores, {THREADS} threads, "
        f"torch {torch.__version__}, Python {platform.python_version()}; load average at the end {load}"
    )


def shares(name: str, size: Size, root: Path) -> str:
    """Where a dense epoch of the network `name` spends its time: torch's operations by their own share."""
    from torch.profiler import ProfilerActivity, profile

    epoch = ours(setting_of(name, size, root))["dense"]
    epoch()  # what torch does once
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        epoch()
    spent = sorted(seen.key_averages(), key=lambda operation: -operation.self_cpu_time_total)
    total = sum(operation.self_cpu_time_total for operation in spent)
    rows = [[f"`{each.key}`", f"{100 * each.self_cpu_time_total / total:.0f} %", str(each.count)] for each in spent[:8]]
    return table([f"`{name}`", "of the epoch", "calls"], rows)


def told(figures: Figures) -> Figures:
    """`figures`, shown as soon as they are there: the page takes as long as all of them together."""
    print(figures, file=sys.stderr, flush=True)
    return figures


def page(size: Size, root: Path) -> str:
    """The section of the page. Commands first: a process inherits the peak memory of the one that starts it."""
    whole = told(commands(size))
    measured = {name: told(epochs(name, size, root)) for name in MODELS}
    header = [
        "one epoch",
        "bare loop",
        "prunesweep",
        "times the bare loop",
        "script (workers)",
        "faster than the script",
    ]
    return "\n\n".join(
        [
            f"{machine()}. Medians of {size.repeats} repeats ({size.script_repeats} of the script), interleaved; "
            f"{size.examples:,} images, batch 128; targets in brackets.",
            table(header, epoch_rows(measured)),
            table(
                ["`lenet5`, 5 amounts x fine-tune epochs 0..4", "measured", "target"],
                command_rows(whole, measured["lenet5"]),
            ),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the images, one repeat, a small sweep")
    parser.add_argument("--write", action="store_true", help="put the section into benchmarks/README.md as well")
    parser.add_argument("--profile", choices=MODELS, help="show where an epoch of this network goes instead")
    options = parser.parse_args()
    root = os.environ.get("PRUNESWEEP_DATA")
    if root is None:
        parser.error("set PRUNESWEEP_DATA to the folder that holds MNIST in torchvision's layout")
    from prunesweep import config

    size = QUICK if options.quick else Size()
    if options.profile:
        print(shares(options.profile, size, Path(root)))
        return
    config.register()  # for the configs that are composed here
    section = page(size, Path(root))
    print(section)
    if options.write:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{section}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
