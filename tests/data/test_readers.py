import bz2
import gzip
import hashlib
import io
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import DROP_INS, grey, idx_content, without_checksums, write_idx, written
from PIL import Image
from scipy.io import savemat
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


def idx(values: np.ndarray) -> bytes:
    """Return the content of a file of MNIST's format in an archive."""
    return gzip.compress(bytes(16 if values.ndim == 3 else 8) + values.astype(np.uint8).tobytes(), 1)


def pinned(name: str, monkeypatch: pytest.MonkeyPatch, **changes: object) -> NamedDataset:
    """Return the settings of a data set of which files of any content are accepted."""
    without_checksums(name, monkeypatch)
    monkeypatch.setitem(SOURCES, name, replace(SOURCES[name], **changes))  # type: ignore[arg-type]
    return NamedDataset(name, mean=None, std=None)


@pytest.mark.parametrize(("split", "first"), [("letters", 1), ("digits", 0)])
def test_a_split_of_emnist_is_read_from_the_archive(
    split: str, first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = pinned(f"emnist_{split}", monkeypatch)
    dataset.root = str(tmp_path)
    images = np.arange(4 * 784).reshape(4, 28, 28) % 251
    (tmp_path / "EMNIST" / "raw").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "EMNIST" / "raw" / "gzip.zip", "w") as archive:
        for part in ("train", "test"):
            archive.writestr(f"gzip/emnist-{split}-{part}-images-idx3-ubyte.gz", idx(images))
            archive.writestr(f"gzip/emnist-{split}-{part}-labels-idx1-ubyte.gz", idx(first + np.arange(4)))
    train, test = parts(dataset)
    assert np.array_equal(train.images[..., 0], images)
    assert train.labels.tolist() == test.labels.tolist() == [0, 1, 2, 3]


def test_traffic_signs_are_resized(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = pinned("gtsrb", monkeypatch)
    dataset.root = str(tmp_path)
    training, images, labels = (tmp_path / file.path for file in SOURCES["gtsrb"].files)
    training.parent.mkdir()

    def sign(value: int, size: int) -> bytes:
        content = io.BytesIO()
        Image.fromarray(np.full((size, size + 3, 3), value, np.uint8)).save(content, "ppm")
        return content.getvalue()

    with zipfile.ZipFile(training, "w") as archive:
        for label in (0, 42):
            archive.writestr(f"GTSRB/Training/{label:05}/00000_00000.ppm", sign(label, 20 + label))
    with zipfile.ZipFile(images, "w") as archive:
        archive.writestr("GTSRB/Final_Test/Images/00000.ppm", sign(9, 50))
        archive.writestr("GTSRB/Final_Test/Images/00001.ppm", sign(7, 15))
    with zipfile.ZipFile(labels, "w") as archive:
        archive.writestr("GT-final_test.csv", "Filename;Width;ClassId\n00001.ppm;18;5\n00000.ppm;53;3\n")
    train, test = parts(dataset)
    assert train.images.shape == (2, 32, 32, 3)
    assert [train.labels.tolist(), train.images[:, 0, 0, 0].tolist()] == [[0, 42], [0, 42]]
    assert [test.labels.tolist(), test.images[:, 0, 0, 0].tolist()] == [[5, 3], [7, 9]]


def test_usps_is_read_with_torchvision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = pinned("usps", monkeypatch)
    dataset.root = str(tmp_path)
    rows = [" ".join([str(label + 1), *(f"{i + 1}:{-1 if i else 1}" for i in range(256))]) for label in (3, 9)]
    for name in ("usps.bz2", "usps.t.bz2"):
        (tmp_path / name).write_bytes(bz2.compress("\n".join(rows).encode()))
    train, test = parts(dataset)
    assert train.labels.tolist() == test.labels.tolist() == [3, 9]
    assert train.images.shape == (2, 16, 16, 1)
    assert train.images[0].ravel()[:3].tolist() == [255, 0, 0]


def test_svhn_is_read_with_torchvision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = pinned("svhn", monkeypatch)
    dataset.root = str(tmp_path)
    monkeypatch.setattr("torchvision.datasets.svhn.check_integrity", lambda *_: True)
    images = np.arange(32 * 32 * 3 * 2, dtype=np.uint32).reshape(32, 32, 3, 2).astype(np.uint8)
    for name in ("train_32x32.mat", "test_32x32.mat"):
        savemat(tmp_path / name, {"X": images, "y": np.array([[10], [4]], np.uint8)})
    train, test = parts(dataset)
    assert train.labels.tolist() == test.labels.tolist() == [0, 4]
    assert np.array_equal(train.images, images.transpose(3, 0, 1, 2))


def test_files_are_found_without_folders_and_as_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = pinned("mnist", monkeypatch, train=None)
    dataset.root = str(tmp_path)
    content = {file.path: idx_content(Path(file.path).name) for file in SOURCES["mnist"].files}
    for number, (path, values) in enumerate(content.items()):
        name = Path(path).name
        if number % 2:
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(values, 1))
        else:
            (tmp_path / name).write_bytes(values)
    train, test = parts(dataset)
    assert (train.images.shape, test.images.shape) == ((60_000, 28, 28, 1), (10_000, 28, 28, 1))
    assert train.labels[:3].tolist() == [0, 1, 2]
