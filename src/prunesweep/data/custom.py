"""Read data from a function of the user's: `dataset=custom`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from prunesweep.code.locate import locate
from prunesweep.data.examples import Array, Examples, Parts, as_images, as_labels, checked
from prunesweep.data.settings import CustomDataset
from prunesweep.errors import UsageError

EXPECTED = (
    "Expected (train, test), (train, test, validation), or a dictionary with these keys. Each is a pair of arrays, "
    "(images, labels), or a data set with __len__ and __getitem__, as in torchvision."
)


def read(settings: CustomDataset) -> Parts:
    """Call the user's function.

    It returns `(train, test)`, `(train, test, validation)`, or a dictionary with these keys. Each of them is a pair
    `(images, labels)` of arrays or tensors, or a data set whose items are pairs `(image, label)`. An image is a PIL
    image, an array `[height, width]` or `[height, width, channels]`, or a tensor `[channels, height, width]`.

    Raises:
        UsageError: The function cannot be imported, fails, or returns something else.
    """
    where = f"dataset.target={settings.target}"
    function = locate("dataset.target", settings.target)
    try:
        returned = function(**settings.kwargs)
        given = _by_name(returned, where)
        parts = {name: _examples(part, f"{where}: {name}") for name, part in given.items()}
    except UsageError:
        raise
    except Exception as error:  # the user's code may raise anything
        raise UsageError(
            f"{where}: fails with dataset.kwargs={settings.kwargs} ({type(error).__name__}: {error})."
        ) from error
    names = getattr(given["train"], "classes", None) or range(int(parts["train"].labels.max(initial=0)) + 1)
    return checked(Parts(parts["train"], parts["test"], tuple(map(str, names)), parts.get("validation")), where)


def _by_name(returned: Any, where: str) -> dict[str, Any]:
    names = ("train", "test", "validation")
    if isinstance(returned, Mapping) and {"train", "test"} <= set(returned) <= set(names):
        return {name: returned[name] for name in names if returned.get(name) is not None}
    if isinstance(returned, tuple | list) and len(returned) in (2, 3):
        return {name: part for name, part in zip(names, returned, strict=False) if part is not None}
    raise UsageError(f"{where}: returned {type(returned).__name__}. {EXPECTED}")


def _examples(part: Any, where: str) -> Examples:
    if isinstance(part, tuple | list) and len(part) == 2 and all(hasattr(array, "shape") for array in part):
        first = isinstance(part[0], Tensor)
        images = as_images(_array(part[0]), where, channels_first=first)
        return Examples(images, as_labels(_array(part[1]), len(images), where))
    if hasattr(part, "__len__") and hasattr(part, "__getitem__") and not isinstance(part, tuple | list | dict | str):
        return _from_items(part, where)
    raise UsageError(f"{where} is {type(part).__name__}. {EXPECTED}")


def _from_items(part: Any, where: str) -> Examples:
    images: list[Array] = []
    labels: list[int] = []
    for index in range(len(part)):
        image, label = part[index]
        array = _array(image)
        array = array.transpose(1, 2, 0) if isinstance(image, Tensor) and array.ndim == 3 else array
        if images and (array.shape != images[0].shape or array.dtype != images[0].dtype):
            raise UsageError(
                f"{where}: image {index} has the shape {list(array.shape)} and the type {array.dtype}, but image 0 has "
                f"{list(images[0].shape)} and {images[0].dtype}. All must be alike."
            )
        images.append(array)
        labels.append(int(label))
    if not images:
        raise UsageError(f"{where}: the split is empty.")
    pixels = np.stack(images)
    return Examples(as_images(pixels, where), as_labels(np.array(labels), len(pixels), where))


def _array(value: Any) -> Array:
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
