"""Full MNIST as image files: the same tensors and the same bits as `dataset=mnist`, and what reading them costs.

    python benchmarks/folder.py --data ../shared/data

Writes 70,000 PNG files into a temporary folder, in which file names are the numbers of the images.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from commands import ROOT
from hydra import compose, initialize_config_dir
from PIL import Image
from safetensors.torch import load_file

from prunesweep import config
from prunesweep.data import datasets, folder, readers
from prunesweep.data.settings import FolderDataset, NamedDataset
from prunesweep.experiment import run as experiment

Value = TypeVar("Value")


def main() -> None:
    """Compare the two ways to read MNIST."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="the folder that contains MNIST/raw")
    root = parser.parse_args().data
    config.register()
    published = NamedDataset("mnist", root, validation=5_000)
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["XDG_CACHE_HOME"] = f"{temporary}/cache"
        images = Path(temporary, "images")
        timed("write 70,000 PNG files", lambda: write(published, images))
        own = FolderDataset("folder", str(images), published.mean, published.std, 5_000)
        timed("read the files of MNIST", lambda: readers.read(published))
        timed("read the images for the first time", lambda: folder.read(own))
        timed("read the images again, from the cache", lambda: folder.read(own))
        first, second = datasets.load(published, "cpu"), datasets.load(own, "cpu")
        for split in ("train", "validation", "test"):
            one, other = getattr(first, split), getattr(second, split)
            same = torch.equal(one.images, other.images) and torch.equal(one.labels, other.labels)
            print(f"{split}: {'the same tensors' if same else 'OTHER TENSORS'}")
        runs = {
            "mnist": run(Path(temporary), "mnist", "dataset=mnist", f"dataset.root={root}"),
            "folder": run(
                Path(temporary), "folder", "dataset=folder", f"dataset.root={images}", "dataset.validation=5000",
                "dataset.mean=[0.1307]", "dataset.std=[0.3081]",
            ),
        }  # fmt: skip
        weights = [load_file(path / "model.safetensors") for path in runs.values()]
        same = all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
        print(f"lenet5, 1 + 1 epochs, weights: {'the same bits' if same else 'OTHER BITS'}")


def write(dataset: NamedDataset, root: Path) -> None:
    """Write the images of `dataset` as `SPLIT/CLASS/NUMBER.png`."""
    for split, part in readers.read(dataset).named().items():
        for label in range(10):
            (root / split / str(label)).mkdir(parents=True)
        for index, (image, label) in enumerate(zip(part.images[..., 0], part.labels, strict=True)):
            Image.fromarray(image).save(root / split / str(label) / f"{index:05}.png", compress_level=1)


def run(folder: Path, name: str, *overrides: str) -> Path:
    """Run LeNet-5 in `folder`, print its accuracy, and return its directory."""
    short = ["train.epochs=1", "finetune.epochs=1", "threads=1", "store.enabled=false", *overrides]
    with initialize_config_dir(str(ROOT / "conf")):
        settings = config.build(compose("config", short))
    result = experiment.run(settings, folder / name)
    print(f"dataset={name}: test accuracy {result.final['test_accuracy']:.4f}, loss {result.final['test_loss']!r}")
    return folder / name


def timed(what: str, function: Callable[[], Value]) -> Value:
    """Call `function` and print how long it took."""
    started = time.perf_counter()
    value = function()
    print(f"{what}: {time.perf_counter() - started:.2f} s", flush=True)
    return value


if __name__ == "__main__":
    main()
