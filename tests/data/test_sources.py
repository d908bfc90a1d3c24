from pathlib import Path

import pytest
from fakes import DROP_INS, grey, written

from prunesweep.data.datasets import fingerprint
from prunesweep.data.settings import Dataset
from prunesweep.data.sources import SOURCES
from prunesweep.errors import UsageError


def test_a_truncated_file_is_named_with_its_expected_size(tmp_path: Path) -> None:
    labels = written("fashion_mnist", tmp_path) / "FashionMNIST" / "raw" / "train-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:1000])
    with pytest.raises(UsageError, match="train-labels-idx1-ubyte: is 1,000 bytes long, expected 60,008"):
        fingerprint(grey("fashion_mnist", tmp_path))


def test_a_file_of_the_right_size_but_other_content_is_named_with_its_checksum(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="train-images-idx3-ubyte: has SHA-256 .* expected ba891046e650"):
        fingerprint(grey("mnist", written("mnist", tmp_path)))


@pytest.mark.parametrize("name", [*DROP_INS, "cifar10"])
def test_without_files_and_network_the_error_says_how_to_place_them(name: str, tmp_path: Path) -> None:
    root = tmp_path / "absent"
    channels = 3 if name == "cifar10" else 1
    dataset = Dataset(name, str(root), mean=[0.5] * channels, std=[0.5] * channels, validation=5_000)
    with pytest.raises(UsageError, match="cannot be downloaded .*Place these files.*PRUNESWEEP_DATA") as error:
        fingerprint(dataset)
    assert str(root / SOURCES[name].files[-1].path) in str(error.value)
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def test_what_torchvision_downloads_is_moved_into_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import datasets

    monkeypatch.setattr(datasets, "KMNIST", lambda root, train, download: written("kmnist", Path(root)))
    fingerprint(grey("kmnist", tmp_path / "new"))
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
