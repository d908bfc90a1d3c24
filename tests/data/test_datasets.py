from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import DROP_INS, grey, written
from hypothesis import given
from hypothesis import strategies as st

from prunesweep.data import datasets as data
from prunesweep.data.datasets import Split, fingerprint, load
from prunesweep.data.settings import Dataset
from prunesweep.data.sources import SOURCES
from prunesweep.data.splits import stratified
from prunesweep.errors import UsageError


def test_the_embedded_digits_split_evenly() -> None:
    splits = load(Dataset(), "cpu")
    assert [len(split) for split in (splits.train, splits.validation, splits.test)] == [3_500, 500, 1_000]
    for split, each in ((splits.train, 350), (splits.validation, 50), (splits.test, 100)):
        assert split.labels.bincount().tolist() == [each] * 10
        assert split.images.shape[1:] == (1, 28, 28)
        assert split.images.dtype == torch.float32


def test_the_splits_are_disjoint_and_together_all() -> None:
    splits = load(Dataset(), "cpu")
    images = torch.cat([split.images.flatten(1) for split in (splits.train, splits.validation, splits.test)])
    original = np.unique(np.loadtxt(Dataset().folder() / "mnist_5k.csv.gz", delimiter=",", usecols=range(784)), axis=0)
    assert len(images.unique(dim=0)) == len(original)


def test_pixels_are_scaled_and_normalised() -> None:
    images = load(Dataset(), "cpu").train.images
    assert images.min().item() == pytest.approx((0 - 0.1307) / 0.3081)
    assert images.max().item() == pytest.approx((1 - 0.1307) / 0.3081)


@pytest.mark.parametrize("channels", [1, 3])
def test_examples_are_taken_in_order_and_in_the_layout_of_the_whole(channels: int) -> None:
    images = torch.arange(4 * 6 * 5 * channels).reshape(4, 6, 5, channels).permute(0, 3, 1, 2)
    taken = Split(images, torch.arange(4)).take(torch.tensor([2, 0, 2]))
    assert torch.equal(taken.images, images[[2, 0, 2]])
    assert taken.labels.tolist() == [2, 0, 2]
    assert taken.images.stride() == images.stride()


def test_loaded_once() -> None:
    assert load(Dataset(), "cpu") is load(Dataset(), "cpu")


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.data())
def test_stratified_takes_each_class_in_proportion(labels: list[int], draw: st.DataObject) -> None:
    size = draw.draw(st.integers(0, len(labels)))
    rest, chosen = stratified(np.array(labels), size)
    assert sorted([*rest, *chosen]) == list(range(len(labels)))
    assert len(chosen) == size
    for label in set(labels):
        share = size * labels.count(label) / len(labels)
        assert abs(sum(labels[index] == label for index in chosen) - share) < 1 + 1e-9


def test_the_split_is_fixed() -> None:
    _, chosen = stratified(np.arange(100) % 10, 10)
    assert chosen.tolist() == [2, 7, 26, 30, 54, 55, 71, 78, 93, 99]


@pytest.mark.parametrize("name", DROP_INS[1:])
def test_reads_torchvisions_layout(name: str, tmp_path: Path) -> None:
    splits = load(grey(name, written(name, tmp_path)), "cpu")
    assert [len(split) for split in (splits.train, splits.validation, splits.test)] == [55_000, 5_000, 10_000]
    assert splits.test.labels[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert splits.validation.labels.bincount().tolist() == [500] * 10


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_agrees_with_torchvision(name: str, full_data: Path) -> None:
    from torchvision import datasets

    reference = getattr(datasets, SOURCES[name].torchvision or "")(full_data, train=False)
    test = load(grey(name, full_data), "cpu").test
    assert torch.equal(test.labels, reference.targets)
    pixels = (test.images[:, 0] * 0.3081 + 0.1307) * 255
    assert torch.equal(pixels.round().to(torch.uint8), reference.data)


def test_reads_cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib
    import pickle

    from torchvision.datasets import CIFAR10

    folder = tmp_path / CIFAR10.base_folder
    folder.mkdir()
    batch = pickle.dumps({"data": np.full((10_000, 3072), 255, np.uint8), "labels": [7] * 10_000})
    checksum = hashlib.md5(batch).hexdigest()
    for part in ("train_list", "test_list"):
        names = [name for name, _ in getattr(CIFAR10, part)]
        monkeypatch.setattr(CIFAR10, part, [[name, checksum] for name in names])
        for name in names:
            (folder / name).write_bytes(batch)
    meta = pickle.dumps({"label_names": list("abcdefghij")})
    (folder / "batches.meta").write_bytes(meta)
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": hashlib.md5(meta).hexdigest()})
    dataset = Dataset("cifar10", str(tmp_path), mean=[0.5, 0.5, 0.5], std=[0.5, 0.25, 1.0], validation=5_000)
    splits = load(dataset, "cpu")
    assert [len(split) for split in (splits.train, splits.validation, splits.test)] == [45_000, 5_000, 10_000]
    assert splits.test.images[0, :, 0, 0].tolist() == [1.0, 2.0, 0.5]
    (folder / "test_batch").write_bytes(b"damaged")
    data._load.cache_clear()
    with pytest.raises(UsageError, match="test_batch: expected MD5"):
        load(dataset, "cpu")


def test_the_fingerprint_is_of_what_the_tensors_depend_on(tmp_path: Path) -> None:
    here, there = written("kmnist", tmp_path / "a"), written("kmnist", tmp_path / "b")
    reference = fingerprint(grey("kmnist", here))
    assert fingerprint(grey("kmnist", there)) == reference, "where the files lie does not matter"
    assert fingerprint(grey("kmnist", here, validation=4_000)) != reference
    assert fingerprint(grey("kmnist", here, mean=[0.2])) != reference
    labels = there / "KMNIST" / "raw" / "t10k-labels-idx1-ubyte"
    content = bytearray(labels.read_bytes())
    content[-1] ^= 1
    labels.write_bytes(content)
    assert fingerprint(grey("kmnist", there)) != reference


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "minst"}, "dataset.name=minst: must be one of .*Did you mean 'mnist'"),
        ({"validation": 0}, "dataset.validation=0"),
        ({"mean": [0.1, 0.2]}, r"dataset.mean=\[0.1, 0.2\]: mnist5k has 1 channel"),
        ({"std": [0.0]}, "dataset.std=0.0"),
    ],
)
def test_settings_that_cannot_be(fields: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Dataset(**fields)  # type: ignore[arg-type]
