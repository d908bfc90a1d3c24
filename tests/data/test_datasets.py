from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import grey, idx_content, without_checksums, write_idx, written

from prunesweep.data import datasets
from prunesweep.data.datasets import Split, fingerprint, load
from prunesweep.data.examples import Examples, Parts
from prunesweep.data.readers import read
from prunesweep.data.settings import NamedDataset
from prunesweep.data.sources import SOURCES


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
