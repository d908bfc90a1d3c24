import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
from fakes import DROP_INS, grey, written
from torchvision import datasets
from torchvision.datasets import CIFAR10

from prunesweep.data.readers import READERS, Examples, read
from prunesweep.data.settings import Dataset
from prunesweep.data.sources import SOURCES
from prunesweep.errors import UsageError


def test_every_data_set_has_a_reader() -> None:
    assert {source.format for source in SOURCES.values()} == set(READERS)


def test_the_embedded_digits_are_divided_into_training_and_test_examples() -> None:
    train, test = read("mnist5k", Dataset().folder())
    table = np.loadtxt(Dataset().folder() / "mnist_5k.csv.gz", delimiter=",", dtype=np.uint8)

    def rows(*parts: Examples) -> list[bytes]:
        return sorted(
            np.append(image.ravel(), np.uint8(label)).tobytes()
            for part in parts
            for image, label in zip(part.images, part.labels, strict=True)
        )

    assert (len(train.labels), len(test.labels)) == (4_000, 1_000)
    assert rows(train, test) == sorted(row.tobytes() for row in table), "each example once, with its own label"


def test_an_idx_file_is_read_without_its_header(tmp_path: Path) -> None:
    images = written("kmnist", tmp_path) / "KMNIST" / "raw" / "train-images-idx3-ubyte"
    content = np.zeros(60_000 * 784, np.uint8)
    content[784 + 28 + 2] = 7  # image 1, row 1, column 2
    images.write_bytes(b"\xff" * 16 + content.tobytes())
    train, test = read("kmnist", tmp_path)
    assert train.images.shape == (60_000, 28, 28, 1)
    assert train.images[1, 1, 2, 0] == 7
    assert train.images.sum() == 7
    assert train.labels[:12].tolist() == test.labels[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]


def test_a_label_that_is_not_a_class_is_refused(tmp_path: Path) -> None:
    labels = written("kmnist", tmp_path) / "KMNIST" / "raw" / "t10k-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-1] + bytes([10]))
    with pytest.raises(UsageError, match=r"kmnist has a label that is not from 0 to 9"):
        read("kmnist", tmp_path)


def test_a_file_of_another_size_is_not_read(tmp_path: Path) -> None:
    labels = written("kmnist", tmp_path) / "KMNIST" / "raw" / "t10k-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-1])
    with pytest.raises(UsageError, match=r"is 10,007 bytes long, expected 10,008. The file is damaged"):
        read("kmnist", tmp_path)


@pytest.mark.parametrize("name", [name for name in DROP_INS if SOURCES[name].files[0].sha256 is None])
def test_the_drop_in_replacements_of_mnist_are_read(name: str, tmp_path: Path) -> None:
    train, test = read(name, written(name, tmp_path))
    assert (len(train.labels), len(train.images)) == (60_000, 60_000)
    assert (len(test.labels), len(test.images)) == (10_000, 10_000)
    assert test.labels.dtype == np.int64


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_agrees_with_torchvision(name: str, full_data: Path) -> None:
    _, test = read(name, grey(name, full_data).folder())
    reference = getattr(datasets, SOURCES[name].torchvision or "")(full_data, train=False)
    assert np.array_equal(test.labels, reference.targets.numpy())
    assert np.array_equal(test.images[..., 0], reference.data.numpy())


def test_cifar10_is_read_only_if_its_checksums_match(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / CIFAR10.base_folder
    folder.mkdir()
    pixels = np.zeros((10_000, 3, 32, 32), np.uint8)
    pixels[:, 2] = 255
    batch = pickle.dumps({"data": pixels.reshape(10_000, 3_072), "labels": [7] * 10_000})
    meta = pickle.dumps({"label_names": list("abcdefghij")})
    for part in ("train_list", "test_list"):
        names = [name for name, _ in getattr(CIFAR10, part)]
        monkeypatch.setattr(CIFAR10, part, [[name, hashlib.md5(batch).hexdigest()] for name in names])
        for name in names:
            (folder / name).write_bytes(batch)
    (folder / "batches.meta").write_bytes(meta)
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": hashlib.md5(meta).hexdigest()})

    train, test = read("cifar10", tmp_path)
    assert train.images.shape == (50_000, 32, 32, 3)
    assert test.images.shape == (10_000, 32, 32, 3)
    assert test.images[0, 0, 0].tolist() == [0, 0, 255]
    assert set(test.labels.tolist()) == {7}

    (folder / "test_batch").write_bytes(b"damaged")
    with pytest.raises(UsageError, match="test_batch: expected MD5 .* Remove it to download it again"):
        read("cifar10", tmp_path)
