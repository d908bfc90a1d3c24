"""Measure latencies and file sizes of pruned LeNets with the functions of `prunesweep bench`: the figures of device.md.

    python benchmarks/device.py --write

Trains Caffe's LeNet and LeNet-300-100 on mnist5k at four compressions, one seed and twelve epochs each: enough for
realistic places of the remaining weights, not for a published accuracy. Takes about five minutes on one core.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from commands import run_py
from pages import replace_section
from speed import table

from prunesweep import config
from prunesweep.bench.machine import machine
from prunesweep.bench.measure import BATCHES, THREADS, Measurement, measure
from prunesweep.bench.timing import Times
from prunesweep.bench.variants import SPARSE_C
from prunesweep.experiment.saved import completed_run, load_config

NETWORKS = {
    "Caffe's LeNet": ("model=lenet5_caffe", "model.conv_relu=true"),
    "LeNet-300-100": ("model=lenet_300_100",),
}
COMPRESSIONS = (12, 50, 150, 311)
PRUNING = ("prune.amount=null", "layers.biases=true", "schedule=gradual", "schedule.epochs=6")
TRAINING = ("dataset=mnist5k", "train.epochs=2", "finetune.epochs=4", "threads=1")

PAGE = Path(__file__).parent / "device.md"

AT, TORCH, ONNX, DENSE_C = 150, "torch, dense", "onnxruntime, dense", "C, dense"
GOALS = ((TORCH, 20), (ONNX, 5))
"""By how many times sparse C must be faster than another variant for one image, at the compression `AT`."""

Measured = dict[str, dict[int, Measurement]]
"""Network -> compression -> what was measured."""


def measured(folder: Path, rounds: int) -> Measured:
    """Train the networks in `folder`, and measure them."""
    config.register()
    result: Measured = {}
    for name, model in NETWORKS.items():
        sweep = folder / model[0].partition("=")[2]
        values = ",".join(map(str, COMPRESSIONS))
        places = (f"hydra.sweep.dir={sweep}", f"store.dir={folder / 'store'}")
        command = run_py("-m", *model, *PRUNING, *TRAINING, f"prune.compression={values}", *places)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        runs = [completed_run(sweep / str(number)) for number in range(len(COMPRESSIONS))]
        result[name] = {
            compression: measure(run, load_config(run)[0], rounds)
            for compression, run in zip(COMPRESSIONS, runs, strict=True)
        }
    return result


def cell(times: Times) -> str:
    """Return the median and the quartiles in microseconds."""
    digits = 1 if times.median < 100 else 0
    median, low, high = (f"{value:,.{digits}f}" for value in (times.median, times.low, times.high))
    return f"{median} ({low} - {high})"


def latencies(measurements: dict[int, Measurement], images: int) -> str:
    names = list(next(iter(measurements.values())).times[images])
    rows = [
        [f"{compression}x", *(cell(each.times[images][name]) for name in names)]
        for compression, each in measurements.items()
    ]
    return table([f"{images} image{'s' * (images > 1)}, µs", *names], rows)


def sizes(measurements: dict[int, Measurement]) -> str:
    forms = list(next(iter(measurements.values())).sizes)
    rows = [
        [
            f"{compression}x",
            f"{each.run.result['params_nonzero']:,}",
            f"{100 * each.run.result['final']['test_accuracy']:.1f} %",
            *(f"{each.sizes[form].plain:,} / {each.sizes[form].gzipped:,}" for form in forms),
        ]
        for compression, each in measurements.items()
    ]
    return table(["bytes / with gzip -9", "parameters", "accuracy", *(f"`{form}`" for form in forms)], rows)


def goals(figures: Measured) -> Iterator[list[str]]:
    """Yield the rows of the goals: sparse C compared with other variants, for one image."""
    for network, by_compression in figures.items():
        for name, factor in GOALS:
            faster = ratio(by_compression[AT], name)
            yield [
                f"{network}, {AT}x, one image, faster than {name}",
                f"{faster:.1f} x",
                verdict(f">= {factor} x", faster >= factor),
            ]
        slowest = min(ratio(each, DENSE_C, images) for each in by_compression.values() for images in BATCHES)
        what = f"{network}, every compression, 1 and 256 images, faster than {DENSE_C}"
        yield [what, f"{slowest:.1f} x", verdict(">= 1 x", slowest >= 1)]


def ratio(measurement: Measurement, name: str, images: int = 1) -> float:
    times = measurement.times[images]
    return times[name].median / times[SPARSE_C].median


def verdict(target: str, met: bool) -> str:
    return f"{target}{'' if met else ', **missed**'}"


def section(figures: Measured, rounds: int) -> str:
    versions = ", ".join(f"{name} {value}" for name, value in machine().items())
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    parts = [
        f"{versions}. {THREADS} thread. Medians over {rounds} rounds, quartiles in brackets; load average at the end "
        f"{load}.",
        table(["goal: sparse C", "measured", "target"], list(goals(figures))),
    ]
    for network, by_compression in figures.items():
        parts += [f"### {network}", *(latencies(by_compression, images) for images in BATCHES), sizes(by_compression)]
    return "\n\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the figures into benchmarks/device.md as well")
    parser.add_argument("--rounds", type=int, default=50, help="how often each variant is measured (default: 50)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = section(measured(Path(folder), options.rounds), options.rounds)
    print(text)
    if options.write:
        replace_section(PAGE, "figures", text)


if __name__ == "__main__":
    main()
