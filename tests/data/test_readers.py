import hashlib
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import DROP_INS, grey, idx_content, without_checksums, write_idx, written
from torchvision import datasets
from torchvision.datasets import CIFAR10

from prunesweep.data.examples import Examples
from prunesweep.data.readers import READERS, read
from prunesweep.data.settings import NamedDataset
from prunesweep.data.sources import SOURCES
from prunesweep.errors import UsageError


def parts(dataset: NamedDataset) -> tuple[Examples, Examples]:
    """Return the training and test examples."""
    whole = read(dataset)
    return whole.train, whole.test


def test_every_data_set_has_a_reader() -> None:
    assert {source.format for source in SOURCES.values()} == set(READERS)


def test_the_embedded_digits_are_divided_into_training_and_test_examples() -> None:
    train, test = parts(NamedDataset())
    table = np.loadtxt(NamedDataset().folder() / "mnist_5k.csv.gz", delimiter=",", dtype=np.uint8)

    def rows(*parts: Examples) -> list[bytes]:
        return sorted(
            np.append(image.ravel(), np.uint8(label)).tobytes()
            for part in parts
            for image, label in zip(part.images, part.labels, strict=True)
        )

    assert (len(train.labels), len(test.labels)) == (4_000, 1_000)
    assert rows(train, test) == sorted(row.tobytes() for row in table), "each example once, with its own label"


@pytest.mark.parametrize("name", ["kmnist", "mnist"], ids=["archives", "files"])
def test_an_idx_file_is_read_without_its_header(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_checksums(name, monkeypatch)
    content = np.zeros(60_000 * 784, np.uint8)
    content[784 + 28 + 2] = 7  # image 1, row 1, column 2
    write_idx(written(name, tmp_path) / SOURCES[name].files[0].path, b"\xff" * 16 + content.tobytes())
    train, test = parts(grey(name, tmp_path))
    assert train.images.shape == (60_000, 28, 28, 1)
    assert train.images[1, 1, 2, 0] == 7
    assert train.images.sum() == 7
    assert train.labels[:12].tolist() == test.labels[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]


def test_a_label_that_is_not_a_class_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_checksums("kmnist", monkeypatch)
    write_idx(
        written("kmnist", tmp_path) / SOURCES["kmnist"].files[3].path,
        idx_content("t10k-labels-idx1-ubyte")[:-1] + bytes([10]),
    )
    with pytest.raises(UsageError, match=r"kmnist has a label that is not from 0 to 9"):
        read(grey("kmnist", tmp_path))


def test_a_file_of_another_size_is_not_read(tmp_path: Path) -> None:
    for file in SOURCES["mnist"].files:
        (tmp_path / file.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file.path).write_bytes(b"short")
    with pytest.raises(UsageError, match=r"is 5 bytes long, expected 47,040,016. The file is damaged"):
        read(grey("mnist", tmp_path))


@pytest.mark.parametrize("name", DROP_INS)
def test_the_drop_in_replacements_of_mnist_are_read(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_checksums(name, monkeypatch)
    train, test = parts(grey(name, written(name, tmp_path)))
    assert (len(train.labels), len(train.images)) == (60_000, 60_000)
    assert (len(test.labels), len(test.images)) == (10_000, 10_000)
    assert test.labels.dtype == np.int64


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_agrees_with_torchvision(name: str, full_data: Path) -> None:
    _, test = parts(grey(name, full_data))
    reference = getattr(datasets, SOURCES[name].torchvision or "")(full_data, train=False)
    assert np.array_equal(test.labels, reference.targets.numpy())
    assert np.array_equal(test.images[..., 0], reference.data.numpy())


def test_cifar10_is_read_only_if_its_checksums_match(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.zeros((10_000, 3, 32, 32), np.uint8)
    pixels[:, 2] = 255
    batch = pickle.dumps({"data": pixels.reshape(10_000, 3_072), "labels": [7] * 10_000})
    meta = pickle.dumps({"label_names": list("abcdefghij")})
    files = []
    for file in SOURCES["cifar10"].files:
        content = meta if file.path.endswith("meta") else batch
        (tmp_path / file.path).parent.mkdir(exist_ok=True)
        (tmp_path / file.path).write_bytes(content)
        files.append(replace(file, checksum=f"md5:{hashlib.md5(content).hexdigest()}"))
    monkeypatch.setitem(SOURCES, "cifar10", replace(SOURCES["cifar10"], files=tuple(files)))
    color = NamedDataset("cifar10", str(tmp_path), mean=None, std=None)
    monkeypatch.setattr(CIFAR10, "_check_integrity", lambda _: True)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)

    train, test = parts(color)
    assert train.images.shape == (50_000, 32, 32, 3)
    assert test.images.shape == (10_000, 32, 32, 3)
    assert test.images[0, 0, 0].tolist() == [0, 0, 255]
    assert set(test.labels.tolist()) == {7}

    (tmp_path / files[5].path).write_bytes(b"damaged")
    with pytest.raises(UsageError, match="test_batch: has MD5 .* expected .* Remove it to download it again"):
        read(color)
