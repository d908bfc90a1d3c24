"""Compare networks before and after the exact clean-up on all test images, and count the exported parameters.

    PRUNESWEEP_DATA=… python benchmarks/cleanup.py
    PRUNESWEEP_DATA=… python benchmarks/cleanup.py record_300_100=prune.compression=148.2

Trains each of the four LeNets for one epoch, prunes 90 % and trains it for another one; an argument NAME=OVERRIDES is a
record experiment instead. Both runs of a line have the same steps except the clean-up.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from commands import run_py
from safetensors.torch import load_file

import prunesweep
from prunesweep.data.datasets import load
from prunesweep.experiment.saved import load_config
from prunesweep.results.run_directory import read_result, read_run

MODELS = ("lenet5", "lenet5_caffe", "lenet_300_100", "conv_lenet")
SHORT = ("train.epochs=1", "finetune.epochs=1", "prune.amount=0.9", "layers.biases=true")
BATCH = 1000


def run(folder: Path, *overrides: str) -> Path:
    """Run an experiment on MNIST in `folder` and return it."""
    command = run_py("dataset=mnist", "device=cpu", "threads=1", *overrides, f"hydra.run.dir={folder}")
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


def logits(folder: Path, images: torch.Tensor) -> torch.Tensor:
    """Return the logits of the network of a run, `[images, classes]`."""
    model = prunesweep.network(folder)
    with torch.no_grad():
        return torch.cat([model(batch) for batch in images.split(BATCH)])


def exported(folder: Path) -> int:
    """Return the number of values other than zero in the csr file of a run, counted without the code that reads it."""
    out = folder / "network.csr"
    command = [sys.executable, "-m", "prunesweep", "export", str(folder), "--format", "csr", "--out", str(out)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    arrays = load_file(out)
    return sum(int(array.count_nonzero()) for name, array in arrays.items() if not name.endswith(("/counts", "/gaps")))


def line(folder: Path, name: str, overrides: list[str]) -> str:
    """Return the line of the table."""
    before = run(folder / "before", *overrides, "prune.cleanup=none")
    after = run(folder / "after", *overrides, "prune.cleanup=final")
    config, _ = load_config(read_run(after))
    images = load(config.dataset, "cpu").test.images
    one, other = logits(before, images), logits(after, images)
    counts = [read_result(each)["params_nonzero"] for each in (before, after)]
    same = int((one.argmax(1) == other.argmax(1)).sum())
    return (
        f"| {name} | {counts[0]:,} | {counts[1]:,} | {exported(after):,} | {float((one - other).abs().max()):.1e} | "
        f"{same:,} of {len(images):,} |"
    )


def lines(arguments: list[str]) -> Iterator[str]:
    """Yield the table."""
    yield "| network | left before | left after | in the exported file | largest difference of logits | same class |"
    yield "|---|---|---|---|---|---|"
    records = [
        (name, [f"experiment={name}", *rest.split()]) for name, _, rest in (each.partition("=") for each in arguments)
    ]
    for name, overrides in records or [(model, [f"model={model}", *SHORT]) for model in MODELS]:
        with tempfile.TemporaryDirectory() as folder:
            yield line(Path(folder), name, overrides)


if __name__ == "__main__":
    for text in lines(sys.argv[1:]):
        print(text, flush=True)
