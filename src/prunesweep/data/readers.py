"""Read the files of published data sets into arrays."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from prunesweep.data.examples import Examples, Parts
from prunesweep.data.settings import NamedDataset
from prunesweep.data.source_files import checksums, download_missing, places
from prunesweep.data.sources import SOURCES, Source
from prunesweep.data.splits import stratified_split
from prunesweep.errors import UsageError


def read(settings: NamedDataset) -> Parts:
    """Download the files of a published data set if they are missing, check them, and read them.

    Raises:
        UsageError: A file does not have the expected size or content, or a label is not one of the classes.
    """
    name, folder, source = settings.name, settings.folder(), SOURCES[settings.name]
    download_missing(name, folder)
    checksums(name, folder)
    train, test = READERS[source.format](source, folder)
    for labels in (train.labels, test.labels):
        if labels.min() < 0 or labels.max() >= source.classes:
            raise UsageError(
                f"{folder}: {name} has a label that is not from 0 to {source.classes - 1}. {source.remedy}"
            )
    return Parts(train, test, tuple(map(str, range(source.classes))))


def read_csv(source: Source, folder: Path) -> tuple[Examples, Examples]:
    """Read one table with an image in each row, its pixels first and its label last.

    The table has no test split of its own, so `source.test` examples are held out.
    """
    table = np.loadtxt(folder / source.files[0].path, delimiter=",", dtype=np.uint8)
    examples = Examples(table[:, :-1].reshape(-1, 28, 28, 1), table[:, -1].astype(np.int64))
    assert source.test is not None
    train, test = stratified_split(examples.labels, source.test)
    return examples.take(train), examples.take(test)


def read_idx(source: Source, folder: Path) -> tuple[Examples, Examples]:
    """Read MNIST's format: training images and labels, then test images and labels.

    An IDX file is a header of 4 bytes and 4 more bytes for each dimension, then the values in big-endian order.
    """
    images, labels, test_images, test_labels = map(_read_idx_file, places(source, folder))
    # QMNIST has 60,000 test images. The first 10,000 are MNIST's.
    return Examples(images, labels), Examples(test_images[: source.test], test_labels[: source.test])


def _read_idx_file(path: Path) -> np.ndarray:
    return _parse_idx(path.name, gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())


def _parse_idx(name: str, packed: bytes) -> np.ndarray:
    content = bytearray(packed)  # arrays of other bytes cannot be written to, about which torch warns
    if "images" in name:
        return np.frombuffer(content, np.uint8, offset=16).reshape(-1, 28, 28, 1)
    if "idx2" in name:  # QMNIST's labels: eight numbers for each image, and the first is the class
        return np.frombuffer(content, ">i4", offset=12).reshape(-1, 8)[:, 0].astype(np.int64)
    return np.frombuffer(content, np.uint8, offset=8).astype(np.int64)


def read_emnist(source: Source, folder: Path) -> tuple[Examples, Examples]:
    """Read one split of EMNIST from the archive of all splits. Letters are numbered from 1 there.

    As in torchvision, the images are as they are in the files: mirrored along the diagonal.
    """
    split = source.arguments[0]["split"]
    with zipfile.ZipFile(places(source, folder)[0]) as archive:

        def read(part: str, kind: str) -> np.ndarray:
            name = f"emnist-{split}-{part}-{kind}-ubyte.gz"
            return _parse_idx(name, gzip.decompress(archive.read(f"gzip/{name}")))

        first = 1 if split == "letters" else 0
        train, test = (
            Examples(read(part, "images-idx3"), read(part, "labels-idx1") - first) for part in ("train", "test")
        )
    return train, test


GTSRB_SIDE = 32
"""The height and width to which traffic signs, which are 15 to 250 pixels wide, are resized."""


def read_gtsrb(source: Source, folder: Path) -> tuple[Examples, Examples]:
    """Read the German traffic signs from their archives, resized to one size."""
    training, test_images, test_labels = places(source, folder)
    with zipfile.ZipFile(training) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".ppm"))
        labels = np.array([int(name.split("/")[-2]) for name in names])
        train = Examples(_read_signs(archive, names), labels)
    with zipfile.ZipFile(test_labels) as archive:
        table = next(name for name in archive.namelist() if name.endswith(".csv"))
        rows = [row.split(";") for row in archive.read(table).decode().split()[1:]]
    with zipfile.ZipFile(test_images) as archive:
        inside = {name.rpartition("/")[2]: name for name in archive.namelist()}
        test = Examples(
            _read_signs(archive, [inside[row[0]] for row in rows]), np.array([int(row[-1]) for row in rows])
        )
    return train, test


def _read_signs(archive: zipfile.ZipFile, names: Sequence[str]) -> np.ndarray:
    images = np.empty((len(names), GTSRB_SIDE, GTSRB_SIDE, 3), np.uint8)
    for index, name in enumerate(names):
        with Image.open(io.BytesIO(archive.read(name))) as image:
            images[index] = np.asarray(image.convert("RGB").resize((GTSRB_SIDE, GTSRB_SIDE), Image.Resampling.BILINEAR))
    return images


def read_torchvision(source: Source, folder: Path) -> tuple[Examples, Examples]:
    """Read the images of a class of torchvision that reads the checked files themselves."""
    # Imported here because torchvision takes seconds to import, and other readers do not need it.
    from torchvision import datasets

    def read(arguments: Mapping[str, Any]) -> Examples:
        items = list(getattr(datasets, str(source.torchvision))(str(folder), **arguments))
        images = np.stack([np.asarray(image) for image, _ in items])
        images = images[..., np.newaxis] if images.ndim == 3 else images
        return Examples(images, np.array([label for _, label in items], np.int64))

    train, test = map(read, source.arguments)
    return train, test


def read_cifar10(source: Source, folder: Path) -> tuple[Examples, Examples]:  # noqa: ARG001
    """Read CIFAR-10's batches with torchvision. They are pickles, so `read` compares their checksums first."""
    # Imported here because torchvision takes seconds to import, and the other readers do not need it.
    from torchvision.datasets import CIFAR10

    train, test = (CIFAR10(str(folder), train=part) for part in (True, False))
    return Examples(train.data, np.array(train.targets)), Examples(test.data, np.array(test.targets))


Reader = Callable[[Source, Path], tuple[Examples, Examples]]
READERS: dict[str, Reader] = {
    "csv": read_csv,
    "idx": read_idx,
    "emnist": read_emnist,
    "gtsrb": read_gtsrb,
    "cifar10": read_cifar10,
    "torchvision": read_torchvision,
}
"""The reader of each `Source.format`."""
