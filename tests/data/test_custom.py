from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from prunesweep.data.custom import read
from prunesweep.data.settings import CustomDataset
from prunesweep.errors import UsageError

IMAGES, LABELS = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5), [0, 1, 0]


class Items:
    classes = ("cat", "dog")

    def __init__(self, images: list[Any]) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.images[index], LABELS[index]


PAIR = (IMAGES, np.array(LABELS))
RETURNED: dict[str, Any] = {
    "arrays": (PAIR, PAIR),
    "validation": (PAIR, PAIR, PAIR),
    "dictionary": {"test": PAIR, "train": PAIR, "validation": None},
    "tensors": ((torch.from_numpy(IMAGES), torch.tensor(LABELS)),) * 2,
    "PIL": (Items([Image.fromarray(image) for image in IMAGES]),) * 2,
    "items": (Items([torch.from_numpy(image)[None] for image in IMAGES]),) * 2,
}
BAD: dict[str, tuple[Any, str]] = {
    "none": (None, r"returned NoneType. Expected \(train, test\)"),
    "one": ((PAIR,), "returned tuple. Expected"),
    "keys": ({"train": PAIR}, "returned dict. Expected"),
    "numbers": ((1, 2), "train is int. Expected"),
    "sizes": ((Items([IMAGES[0], IMAGES[1, :3]]), PAIR), r"image 1 has the shape \[3, 5\] .* image 0 has \[4, 5\]"),
    "empty": ((PAIR, Items([])), "test: the split is empty"),
    "labels": (((IMAGES, np.array([0, 2, 0])), PAIR), "no training example has the label 1|without a training example"),
}


def returned(name: str) -> Any:
    return RETURNED[name]


def bad(name: str) -> Any:
    return BAD[name][0]


def fails() -> None:
    raise FileNotFoundError("there is no data")


def settings(function: str, **kwargs: Any) -> CustomDataset:
    return CustomDataset(target=f"{__name__}.{function}", kwargs=kwargs)


@pytest.mark.parametrize("name", RETURNED)
def test_each_kind_of_data_gives_the_same_images(name: str) -> None:
    parts = read(settings("returned", name=name))
    assert np.array_equal(parts.train.images, IMAGES[..., None])
    assert parts.test.labels.tolist() == LABELS
    assert parts.classes == (("cat", "dog") if name in ("PIL", "items") else ("0", "1"))
    assert (parts.validation is not None) == (name == "validation")


@pytest.mark.parametrize("name", BAD)
def test_other_data_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=BAD[name][1]) as error:
        read(settings("bad", name=name))
    assert str(error.value).startswith(f"dataset.target={__name__}.bad")


def test_an_error_of_the_function_is_one_message() -> None:
    with pytest.raises(UsageError, match=r"fails with dataset.kwargs=\{\} \(FileNotFoundError: there is no"):
        read(settings("fails"))
    with pytest.raises(UsageError, match=r"dataset.target=.*nothing: cannot be imported"):
        read(settings("nothing"))
