"""A named data set as in-memory tensors: training, validation and test split, normalised once, with a fingerprint."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from prunesweep.data.sources import SOURCES
from prunesweep.data.splits import stratified
from prunesweep.errors import UsageError

Raw = tuple[np.ndarray, np.ndarray]  # images [n, height, width, channels] uint8, labels [n] int64


def _read(name: str, folder: Path) -> tuple[Raw, Raw]:
    """Training pool and test split, as read from the files."""
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
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import check_integrity

    for file, md5 in (*CIFAR10.train_list, *CIFAR10.test_list):
        path = folder / CIFAR10.base_folder / file
        if not check_integrity(str(path), md5):
            raise UsageError(f"{path}: expected MD5 {md5}. The file is damaged: remove it, and it is downloaded again.")
    train, test = (CIFAR10(str(folder), train=part) for part in (True, False))
    return (train.data, np.array(train.targets)), (test.data, np.array(test.targets))
