"""Where the data sets come from: their files, how each is told from a damaged one, and how an absent one is got.

torchvision's sets lie in torchvision's own layout, and torchvision downloads them. A file of the wrong size or content
is named, never read.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from prunesweep.errors import UsageError


@dataclass(frozen=True)
class DataFile:
    """One file of a data set: its path below the root, its size in bytes, its SHA-256 where it is known."""

    path: str
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Source:
    """Where a data set comes from: its files, the shape of an image, the sizes of its validation and test split."""

    files: tuple[DataFile, ...]
    shape: tuple[int, int, int] = (1, 28, 28)
    torchvision: str | None = None
    test: int = 10_000


def _idx(folder: str, *sha256: str) -> Source:
    """The four files of MNIST and its drop-in replacements: 60,000 training and 10,000 test images of 28x28."""
    sizes = {
        "train-images-idx3-ubyte": 16 + 60_000 * 784,
        "train-labels-idx1-ubyte": 8 + 60_000,
        "t10k-images-idx3-ubyte": 16 + 10_000 * 784,
        "t10k-labels-idx1-ubyte": 8 + 10_000,
    }
    known = sha256 or (None,) * 4
    files = (
        DataFile(f"{folder}/raw/{name}", size, sha) for (name, size), sha in zip(sizes.items(), known, strict=True)
    )
    return Source(tuple(files), torchvision=folder)


SOURCES = {
    "mnist5k": Source(
        (DataFile("mnist_5k.csv.gz", sha256="846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"),),
        test=1_000,
    ),
    "mnist": _idx(
        "MNIST",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    "fashion_mnist": _idx("FashionMNIST"),
    "kmnist": _idx("KMNIST"),
    "qmnist": Source(
        tuple(
            file
            for part in ("train", "test")
            for file in (
                DataFile(f"QMNIST/raw/qmnist-{part}-images-idx3-ubyte", 16 + 60_000 * 784),
                DataFile(f"QMNIST/raw/qmnist-{part}-labels-idx2-int", 12 + 60_000 * 8 * 4),
            )
        ),
        torchvision="QMNIST",
    ),
    "cifar10": Source(
        tuple(
            DataFile(f"cifar-10-batches-py/{name}")
            for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")
        ),
        shape=(3, 32, 32),
        torchvision="CIFAR10",
    ),
}


@lru_cache(maxsize=64)
def _sha256(path: Path, size: int, modified: int) -> str:  # noqa: ARG001  the last two tell a changed file
    return hashlib.sha256(path.read_bytes()).hexdigest()


def checksum(file: DataFile, path: Path) -> str:
    """The SHA-256 of `file`, which lies at `path`.

    Raises:
        UsageError: it has another size or content than it should.
    """
    stat = path.stat()
    if file.size is not None and stat.st_size != file.size:
        raise UsageError(
            f"{path}: is {stat.st_size:,} bytes long, expected {file.size:,}. "
            "The file is damaged: remove it, and it is downloaded again."
        )
    found = _sha256(path, stat.st_size, stat.st_mtime_ns)
    if file.sha256 is not None and found != file.sha256:
        raise UsageError(
            f"{path}: has SHA-256 {found}, expected {file.sha256}. "
            "The file is damaged: remove it, and it is downloaded again."
        )
    return found


def provide(name: str, folder: Path) -> None:
    """Download what of `name` is absent from `folder`, into a temporary folder first: nothing is ever half there.

    Raises:
        UsageError: it cannot be downloaded; says which files to place where.
    """
    source = SOURCES[name]
    missing = [file.path for file in source.files if not (folder / file.path).is_file()]
    if not missing or source.torchvision is None:
        return
    from torchvision import datasets

    existing = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    download = getattr(datasets, source.torchvision)
    try:
        with tempfile.TemporaryDirectory(dir=existing, prefix=".prunesweep-") as temporary:
            with contextlib.redirect_stdout(sys.stderr):
                for train in (True, False):
                    download(temporary, train=train, download=True)
            for path in missing:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                os.replace(Path(temporary) / path, folder / path)
    except Exception as error:  # torchvision lets URLError, RuntimeError and OSError of several kinds through
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise UsageError(
            f"dataset.root={folder}: {name} is not there and cannot be downloaded ({reason}). "
            f"Place these files: {', '.join(str(folder / path) for path in missing)}; "
            "or set dataset.root, or the environment variable PRUNESWEEP_DATA, to the folder that holds them."
        ) from error
