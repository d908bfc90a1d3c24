from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import grey, idx_content, without_checksums, write_idx, written

from prunesweep.data import datasets
from prunesweep.data.datasets import Split, content_hash, facts, fingerprint, load
from prunesweep.data.examples import Examples, Parts
from prunesweep.data.readers import read
from prunesweep.data.settings import ArraysDataset, NamedDataset
from prunesweep.data.sources import SOURCES
from prunesweep.errors import UsageError


def test_the_splits_have_the_same_share_of_each_class() -> None:
    splits = load(NamedDataset(), "cpu")
    for split, per_class in ((splits.train, 350), (splits.validation, 50), (splits.test, 100)):
        assert split.labels.bincount().tolist() == [per_class] * 10
        assert split.images.shape == (10 * per_class, 1, 28, 28)
        assert split.images.dtype == torch.float32


def test_the_splits_are_disjoint_and_complete() -> None:
    splits = load(NamedDataset(), "cpu")
    images = torch.cat([split.images.flatten(1) for split in (splits.train, splits.validation, splits.test)])
    pixels = (images * 0.3081 + 0.1307).mul(255).round().to(torch.uint8)
    originals = [examples.images.reshape(-1, 784) for examples in read(NamedDataset()).named().values()]
    assert sorted(map(bytes, pixels.numpy())) == sorted(bytes(image) for part in originals for image in part)


def test_pixels_are_scaled_and_normalized() -> None:
    images = load(NamedDataset(), "cpu").train.images
    assert images.min().item() == pytest.approx((0 - 0.1307) / 0.3081)
    assert images.max().item() == pytest.approx((1 - 0.1307) / 0.3081)


def test_each_channel_has_its_own_normalization(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    white = Examples(np.full((20, 32, 32, 3), 255, np.uint8), np.arange(20) % 10)
    monkeypatch.setitem(datasets.READERS, NamedDataset, lambda _: Parts(white, white, tuple("0123456789")))
    dataset = NamedDataset("cifar10", str(tmp_path), mean=[0.5, 0.5, 0.5], std=[0.5, 0.25, 1.0], validation=10)
    splits = load(dataset, "cpu")
    assert splits.test.images.shape == (20, 3, 32, 32)
    assert splits.test.images[0, :, 0, 0].tolist() == [1.0, 2.0, 0.5]
    assert (len(splits.train), len(splits.validation)) == (10, 10)


@pytest.mark.parametrize("channels", [1, 3])
def test_examples_are_taken_in_order_and_keep_their_layout(channels: int) -> None:
    images = torch.arange(4 * 6 * 5 * channels).reshape(4, 6, 5, channels).permute(0, 3, 1, 2)
    taken = Split(images, torch.arange(4)).take(torch.tensor([2, 0, 2]))
    assert torch.equal(taken.images, images[[2, 0, 2]])
    assert taken.labels.tolist() == [2, 0, 2]
    assert taken.images.stride() == images.stride()


def test_a_data_set_is_loaded_once() -> None:
    assert load(NamedDataset(), "cpu") is load(NamedDataset(), "cpu")
    assert load(NamedDataset(), "cpu") is not load(NamedDataset(validation=400), "cpu")


def test_the_fingerprint_depends_on_all_that_the_tensors_depend_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_checksums("kmnist", monkeypatch)
    here, there = written("kmnist", tmp_path / "a"), written("kmnist", tmp_path / "b")
    reference = fingerprint(grey("kmnist", here))
    assert fingerprint(grey("kmnist", there)) == reference, "the folder of the files does not matter"
    assert fingerprint(grey("kmnist", here, validation=4_000)) != reference
    assert fingerprint(grey("kmnist", here, mean=[0.2])) != reference
    assert fingerprint(grey("kmnist", here, std=[0.2])) != reference
    write_idx(there / SOURCES["kmnist"].files[3].path, idx_content("t10k-labels-idx1-ubyte")[:-1] + b"\0")
    assert fingerprint(grey("kmnist", there)) != reference


def test_the_fingerprint_of_the_embedded_digits_is_pinned() -> None:
    """A change here changes every digest: it must be deliberate."""
    assert fingerprint(NamedDataset()) == "c486e3a832113f1a55136c4d737be4fba3b0aeec537776c96cc4d7084e5840ba"


def own(images: np.ndarray, labels: list[int], path: Path, **fields: object) -> ArraysDataset:
    """Return the settings of a file with the same training and test examples."""
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels)
    return ArraysDataset(root=str(path), **fields)  # type: ignore[arg-type]


def test_facts_of_own_data_are_found_in_it(tmp_path: Path) -> None:
    images = np.stack([np.full((4, 5, 3), [0, 100, 200], np.uint8), np.full((4, 5, 3), [255, 100, 0], np.uint8)] * 10)
    found = facts(own(images, [0, 1] * 10, tmp_path / "a.npz"))
    assert (found.shape, found.classes, found.chance) == ((3, 4, 5), ("0", "1"), 0.5)
    assert found.sizes == {"train": 18, "validation": 2, "test": 20}
    assert found.mean == (0.5, 0.3922, 0.3922)
    assert found.std == (0.5, 1.0, 0.3922), "a constant channel is not divided"
    assert found.label.startswith("a (arrays ")
    given = facts(own(images, [0, 1] * 10, tmp_path / "a.npz", mean=[0.0] * 3, std=[1.0] * 3, scale="none"))
    assert given.normalization == {"scale": "none", "mean": [0.0] * 3, "std": [1.0] * 3}


def test_floating_point_images_are_not_scaled(tmp_path: Path) -> None:
    images = np.linspace(-3, 3, 20 * 4 * 4, dtype=np.float32).reshape(20, 4, 4)
    dataset = own(images, [0, 1] * 10, tmp_path / "a.npz", mean=[0.0], std=[2.0])
    assert torch.equal(load(dataset, "cpu").test.images[:, 0], torch.from_numpy(images) / 2)


def test_an_empty_pixel_has_its_normalized_value(tmp_path: Path) -> None:
    images = np.zeros((20, 4, 4), np.uint8)
    dataset = own(images, [0, 1] * 10, tmp_path / "a.npz", mean=[0.25], std=[0.5])
    data = load(dataset, "cpu")
    assert data.zero.tolist() == [-0.5] == data.train.images.unique().tolist()


def test_the_content_of_own_data_is_its_identity(tmp_path: Path) -> None:
    images = np.arange(20 * 16, dtype=np.uint8).reshape(20, 4, 4)
    one, other = (own(images, [0, 1] * 10, tmp_path / name) for name in ("a.npz", "b.npz"))
    assert fingerprint(one) == fingerprint(other)
    changed = own(np.where(images == 3, 4, images).astype(np.uint8), [0, 1] * 10, tmp_path / "c.npz")
    swapped = own(images, [1, 0] * 10, tmp_path / "d.npz")
    assert len({fingerprint(dataset) for dataset in (one, changed, swapped)}) == 3
    assert len({content_hash(dataset) for dataset in (one, changed, swapped)}) == 3


def test_settings_that_do_not_fit_the_data_are_refused(tmp_path: Path) -> None:
    images = np.zeros((20, 4, 4), np.uint8)

    def refused(message: str, **fields: object) -> None:
        with pytest.raises(UsageError, match=message):
            facts(own(images, [0, 1] * 10, tmp_path / "a.npz", **fields))

    refused("dataset.validation=19: must be at most 18, because the data has 20 training images", validation=19)
    refused(r"dataset.mean=\[0.1, 0.2\]: must have one value per channel", mean=[0.1, 0.2])


def test_the_datas_own_validation_split_is_used(tmp_path: Path) -> None:
    images, labels = np.zeros((6, 4, 4), np.uint8), [0, 1] * 3
    arrays = {
        f"{name}_{part}": value for name, value in (("x", images), ("y", labels)) for part in ("train", "test", "val")
    }
    np.savez(tmp_path / "a.npz", **arrays)  # type: ignore[arg-type]
    assert facts(ArraysDataset(root=str(tmp_path / "a.npz"))).sizes == {"train": 6, "validation": 6, "test": 6}
    with pytest.raises(UsageError, match="dataset.validation=2: the data has its own validation split of 6 images"):
        facts(ArraysDataset(root=str(tmp_path / "a.npz"), validation=2))


def test_own_data_is_read_and_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.arange(20 * 16, dtype=np.uint8).reshape(20, 4, 4)
    dataset = own(images, [0, 1] * 10, tmp_path / "a.npz")
    first = fingerprint(dataset)
    monkeypatch.setitem(datasets.READERS, ArraysDataset, lambda _: pytest.fail("read again"))
    monkeypatch.setattr(datasets, "_hash_of_arrays", lambda _: pytest.fail("hashed again"))
    assert fingerprint(dataset) == first
    assert content_hash(replace(dataset, mean=[0.5])) == content_hash(dataset)
