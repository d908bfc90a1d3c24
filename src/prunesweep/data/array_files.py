"""Read arrays from a file of the user's: `dataset=arrays`."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import load

from prunesweep.data.examples import Array, Examples, Parts, as_images, as_labels, checked
from prunesweep.data.settings import ArraysDataset
from prunesweep.errors import UsageError, suggestion
from prunesweep.files import read_regular

LIMIT = 2**33
"""The largest size in bytes of the file and of its arrays."""

NAMES = {
    "Keras": {"train": ("x_train", "y_train"), "test": ("x_test", "y_test"), "validation": ("x_val", "y_val")},
    "MedMNIST": {
        "train": ("train_images", "train_labels"),
        "test": ("test_images", "test_labels"),
        "validation": ("val_images", "val_labels"),
    },
}
"""Convention -> the names of the arrays of each split: images and labels. The validation split is optional."""


def read(settings: ArraysDataset) -> Parts:
    """Read the arrays of one convention in `NAMES`. Pickled arrays are never read.

    Raises:
        UsageError: The file cannot be read, or its arrays are not images and labels that fit together.
    """
    path = settings.path
    arrays = _load(path)
    convention = max(NAMES.values(), key=lambda names: sum(name in arrays for pair in names.values() for name in pair))
    required = [name for split in ("train", "test") for name in convention[split]]
    missing = [name for name in required if name not in arrays]
    if missing:
        found = ", ".join(list(arrays)[:20]) or "nothing"
        raise UsageError(
            f"dataset.root={path}: has no array {missing[0]}.{suggestion(missing[0], arrays)} It contains {found}. "
            f"Expected {' or '.join(', '.join([*names['train'], *names['test']]) for names in NAMES.values())}."
        )
    parts = {
        split: _examples(arrays, images, labels, path)
        for split, (images, labels) in convention.items()
        if images in arrays and labels in arrays
    }
    classes = tuple(map(str, range(int(parts["train"].labels.max(initial=0)) + 1)))
    whole = Parts(parts["train"], parts["test"], classes, parts.get("validation"))
    return checked(whole, f"dataset.root={path}")


def _examples(arrays: Mapping[str, Array], images: str, labels: str, path: Path) -> Examples:
    pixels = as_images(arrays[images], f"dataset.root={path}: {images}")
    return Examples(pixels, as_labels(arrays[labels], len(pixels), f"dataset.root={path}: {labels}"))


def _load(path: Path) -> dict[str, Array]:
    """Return the arrays of the file by name."""
    try:
        content = read_regular(path, LIMIT)
        if path.suffix == ".npz":
            return _load_npz(content)
        if path.suffix == ".safetensors":
            return load(content)
    except FileNotFoundError as error:
        raise UsageError(f"dataset.root={path}: does not exist.") from error
    except Exception as error:  # numpy, zipfile and safetensors have their own exceptions for damaged files
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise UsageError(f"dataset.root={path}: cannot be read ({reason}).") from error
    raise UsageError(f"dataset.root={path}: must be a .npz or .safetensors file.")


def _load_npz(content: bytes) -> dict[str, Array]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = sum(member.file_size for member in archive.infolist())
        if size > LIMIT:
            raise ValueError(f"its arrays have {size:,} bytes, more than {LIMIT:,}")
    known = {name for names in NAMES.values() for pair in names.values() for name in pair}
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        # Arrays of other names are listed, but not read: they may be of any type.
        return {name: file[name] if name in known else np.zeros(0) for name in file.files}
