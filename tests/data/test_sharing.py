from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from prunesweep.data import sharing
from prunesweep.data.datasets import Data, load
from prunesweep.data.layout import LAYOUTS
from prunesweep.data.settings import Dataset


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    sharing.share_in(tmp_path)
    yield tmp_path
    sharing._folders.clear()


def make() -> dict[str, Tensor]:
    return {
        "last": torch.arange(24.0).reshape(2, 3, 2, 2).contiguous(memory_format=torch.channels_last),
        "one": torch.arange(4.0).reshape(1, 2, 2, 1).permute(0, 3, 1, 2),
        "labels": torch.tensor([3, 1]),
    }


def test_values_types_and_strides_are_those_of_the_first_process(folder: Path) -> None:
    first = sharing.shared("key", make)
    second = sharing.shared("key", lambda: pytest.fail("made twice"))
    for name, expected in make().items():
        for found in (first[name], second[name]):
            assert torch.equal(found, expected)
            assert (found.dtype, found.stride()) == (expected.dtype, expected.stride())
    assert sharing.shared("other", lambda: {"x": torch.zeros(1)})["x"] == 0


def test_the_folder_is_created_for_this_user_alone(tmp_path: Path) -> None:
    sharing.share_in(tmp_path / "new")
    sharing.shared("key", make)
    sharing._folders.clear()
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_changing_shared_tensors_changes_no_other_process(folder: Path) -> None:
    sharing.shared("key", make)["labels"].add_(1)
    assert sharing.shared("key", make)["labels"].tolist() == [3, 1]


def test_without_a_folder_or_if_it_cannot_be_used_each_process_has_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert set(sharing.shared("key", make)) == {"last", "one", "labels"}
    sharing.share_in(tmp_path / "missing" / "folder")
    assert set(sharing.shared("key", make)) == {"last", "one", "labels"}
    sharing._folders.clear()
    assert "cannot be shared between workers" in caplog.text


@pytest.mark.parametrize("layout", LAYOUTS)
def test_shared_data_has_the_bits_and_the_layout_of_loaded_data(
    layout: str, folder: Path, little_data: None, composed: object
) -> None:
    dataset: Dataset = composed().dataset  # type: ignore[operator]
    sharing._folders.clear()
    expected: Data = load(dataset, "cpu", layout)
    sharing.share_in(folder)
    from prunesweep.data import datasets

    datasets._loaded.clear()
    found = load(dataset, "cpu", layout)
    datasets._loaded.clear()
    assert list(folder.glob("*/tensors.json"))
    for part in ("train", "validation", "test"):
        one, other = getattr(expected, part), getattr(found, part)
        assert torch.equal(one.images, other.images)
        assert one.images.stride() == other.images.stride()
        assert torch.equal(one.labels, other.labels)
    assert torch.equal(expected.zero, found.zero)
