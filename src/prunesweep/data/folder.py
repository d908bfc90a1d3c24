"""Read image files from one folder for each class: `dataset=folder`."""

from __future__ import annotations

import json
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import track
from safetensors.numpy import load, save

from prunesweep.data.examples import MAX_PIXELS, Array, Examples, Parts, checked
from prunesweep.data.settings import FolderDataset, cache_folder
from prunesweep.errors import UsageError, printable, suggestion
from prunesweep.files import canonical, read_regular, sha256, write_atomically

FORMATS = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
"""Suffixes of image files. Other files are ignored."""

MAX_FILE = 2**28
"""The largest size of an image file in bytes."""

MAX_IMAGE = 2**25
"""The largest number of pixels of an image before it is resized: 5,800x5,800."""

SPLITS = {"train": "train", "test": "test", "val": "validation"}
"""Name of a folder -> the split in it. `val` is optional."""

GREY_MODES = {"1", "L", "LA", "I;16", "I", "F"}
"""Pillow's modes of images without colors."""

Value = TypeVar("Value")


@dataclass(frozen=True)
class _File:
    split: str
    label: int
    path: Path


def read(settings: FolderDataset) -> Parts:
    """Read `train/CLASS/*`, `test/CLASS/*` and, if it exists, `val/CLASS/*` as torchvision's `ImageFolder` does.

    Classes are the folders in `train`, in the order of their names. The examples of a split are in the order of their
    file names, then of their classes, so that numbered files keep their order. Decoded images are kept in one file in
    the user's cache, under a key that contains the checksums of all image files.

    Raises:
        UsageError: A folder is missing or a class is empty, an image cannot be read, or images have different sizes.
    """
    root = settings.path
    classes = _classes(root, root / "train")
    files = [file for folder, split in SPLITS.items() for file in _files(root, folder, split, classes)]
    hashes = _shown((sha256(_content(file.path)) for file in files), len(files), "Checking")  # small files: no threads
    listed = [(str(file.path.relative_to(root)), checksum) for file, checksum in zip(files, hashes, strict=True)]
    key = sha256(canonical([listed, settings.size, settings.grey]))
    cached = cache_folder() / "folders" / f"{key}.safetensors"
    with suppress(Exception):  # a damaged file in the cache is written again
        return _parts(load(cached.read_bytes()), classes, root)
    arrays = _decode(settings, root, files)
    with suppress(OSError):  # without a cache, images are decoded by each process
        write_atomically(cached, save(arrays, {"classes": json.dumps(classes)}))
    return _parts(arrays, classes, root)


def _parts(arrays: dict[str, Array], classes: Sequence[str], root: Path) -> Parts:
    parts = {
        split: Examples(np.array(arrays[f"{split}/images"]), np.array(arrays[f"{split}/labels"]))
        for split in SPLITS.values()
        if f"{split}/images" in arrays
    }
    return checked(
        Parts(parts["train"], parts["test"], tuple(classes), parts.get("validation")), f"dataset.root={root}"
    )


def _classes(root: Path, folder: Path) -> list[str]:
    if not folder.is_dir():
        raise UsageError(
            f"dataset.root={root}: has no folder {folder.relative_to(root)}. Expected train/CLASS/NAME.png and "
            "test/CLASS/NAME.png."
        )
    classes = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith("."))
    if not classes:
        raise UsageError(f"{folder}: contains no folders. Expected one folder of images for each class.")
    return classes


def _files(root: Path, folder: str, split: str, classes: Sequence[str]) -> list[_File]:
    """Return the image files of a split in the order of its examples."""
    if split == "validation" and not (root / folder).is_dir():
        return []
    found = _classes(root, root / folder)
    if unknown := [name for name in found if name not in classes]:
        raise UsageError(
            f"{root / folder / unknown[0]}: is not a class of the training images in {root / 'train'}."
            f"{suggestion(unknown[0], classes)}"
        )
    files = []
    for name in found:
        paths = [
            Path(entry.path)
            for entry in os.scandir(root / folder / name)
            if entry.name.lower().endswith(FORMATS) and not entry.name.startswith(".")
        ]
        if not paths:
            raise UsageError(f"{root / folder / name}: contains no image. Formats: {', '.join(FORMATS)}.")
        files += [_File(split, classes.index(name), path) for path in paths]
    return sorted(files, key=lambda file: (file.path.name, file.label))


def _content(path: Path) -> bytes:
    try:
        return read_regular(path, MAX_FILE)
    except (OSError, ValueError) as error:
        raise UsageError(f"{printable(path)}: cannot be read ({error}).") from error


def _decode(settings: FolderDataset, root: Path, files: Sequence[_File]) -> dict[str, Array]:
    """Return `SPLIT/images` and `SPLIT/labels` of each split."""
    with ThreadPoolExecutor() as pool:
        images = _shown(pool.map(lambda file: _image(settings, file.path), files), len(files), "Reading")
    grey = settings.grey if settings.grey is not None else all(image.ndim == 2 for image in images)
    if not grey:
        images = [image if image.ndim == 3 else np.repeat(image[..., np.newaxis], 3, axis=2) for image in images]
    sizes = Counter(image.shape[:2] for image in images)
    if len(sizes) > 1:
        usual = sizes.most_common(1)[0][0]
        other = next(index for index, image in enumerate(images) if image.shape[:2] != usual)
        raise UsageError(
            f"{printable(files[other].path)}: is {_size(images[other].shape)}, but most images are {_size(usual)}. "
            f"Set dataset.size to resize all images, for example 'dataset.size=[{usual[0]},{usual[1]}]'."
        )
    if sum(image.size for image in images) > MAX_PIXELS:
        raise UsageError(f"dataset.root={root}: has more than {MAX_PIXELS:,} pixel values. Set a smaller dataset.size.")
    arrays: dict[str, Array] = {}
    for split in SPLITS.values():
        indices = [index for index, file in enumerate(files) if file.split == split]
        if indices:
            pixels = np.stack([images[index] for index in indices])
            arrays[f"{split}/images"] = pixels if pixels.ndim == 4 else pixels[..., np.newaxis]
            arrays[f"{split}/labels"] = np.array([files[index].label for index in indices], np.int64)
    return arrays


def _size(shape: Sequence[int]) -> str:
    return f"{shape[0]} pixels high and {shape[1]} wide"


def _image(settings: FolderDataset, path: Path) -> Array:
    """Return the image as uint8, `[height, width]` if it is grey and `[height, width, 3]` if it is not."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                if image.width * image.height > MAX_IMAGE:
                    raise ValueError(f"it has {image.width * image.height:,} pixels, more than {MAX_IMAGE:,}")
                grey = settings.grey if settings.grey is not None else image.mode in GREY_MODES
                if image.mode in ("I", "F") or image.mode.startswith("I;"):
                    raise ValueError(f"its mode {image.mode} has more than 8 bits for each pixel")
                pixels = image.convert("L" if grey else "RGB")
                if settings.size is not None:
                    height, width = settings.size
                    pixels = pixels.resize((width, height), Image.Resampling.BILINEAR)
                return np.asarray(pixels)
    except Exception as error:  # Pillow raises many exceptions for damaged files
        reason = printable(str(error) or type(error).__name__)
        raise UsageError(f"{printable(path)}: cannot be read as an image ({reason}).") from error


def _shown(values: Iterable[Value], total: int, what: str) -> list[Value]:
    """Return `values` as a list. A terminal shows a progress bar."""
    console = Console(stderr=True)
    if console.is_terminal:
        values = track(values, f"{what} images", total=total, console=console, transient=True)
    return list(values)
