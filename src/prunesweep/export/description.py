"""The description in an exported file, which makes it usable without the directory of its run."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from prunesweep.chain.context import Context
from prunesweep.config import option
from prunesweep.data.settings import Dataset
from prunesweep.data.sources import SOURCES
from prunesweep.errors import UsageError, check_choice

KEY = "prunesweep"
"""Key of the description in the metadata of a file."""


@dataclass(frozen=True)
class Description:
    """The network in a file: its settings, its data and its accuracy.

    Attributes:
        format: Name of the file's format.
        model: Settings of the network, including its `name`.
        dataset: Name of the data set.
        shape: Channels, height and width of an image.
        mean: Mean of each channel. The network expects (pixel / 255 - mean) / std.
        std: Standard deviation of each channel.
        validation: Number of training images held out for validation.
        test_accuracy: Correct / total on the test split, from `result.json`.
        params_total: Weights and biases of the dense network.
        params_nonzero: Weights and biases that are not pruned.
        digest: The ID of the run.
    """

    format: str
    model: dict[str, Any]
    dataset: str
    shape: list[int]
    mean: list[float]
    std: list[float]
    validation: int
    test_accuracy: float
    params_total: int
    params_nonzero: int
    digest: str

    def dumps(self) -> str:
        """Return the description as JSON."""
        return json.dumps(asdict(self))

    def data(self, dataset: str | None = None, root: str | None = None) -> Dataset:
        """Return the data set called `dataset` with the normalization of the network.

        Args:
            dataset: Name of a data set. By default the one that the network was trained on.
            root: The folder of the data, like `dataset.root`.

        Raises:
            UsageError: The images of the data set have another shape.
        """
        name = dataset or self.dataset
        check_choice("--dataset", name, SOURCES)
        held_out = self.validation if name == self.dataset else 500 if name == "mnist5k" else 5_000
        if list(SOURCES[name].shape) != list(self.shape):
            raise UsageError(
                f"--dataset={name}: its images have the shape {list(SOURCES[name].shape)}, "
                f"but the network expects {list(self.shape)}."
            )
        return Dataset(name, root, list(self.mean), list(self.std), held_out)

    def context(self) -> Context:
        """Return the context that builds the described network on the CPU. A custom network is executed code."""
        return Context(option("model", self.model), self.data(), "cpu")


def loads(path: Path, text: str | bytes | None) -> Description:
    """Return the description of the file at `path` from its JSON.

    Raises:
        UsageError: `text` is not a valid description.
    """
    try:
        values = json.loads(text or "")
        description = Description(**{field.name: values[field.name] for field in fields(Description)})
        numbers = [*description.mean, *description.std, *description.shape]
        numbers += [description.validation, description.test_accuracy]
        valid = (
            description.dataset in SOURCES
            and isinstance(description.model, dict)
            and isinstance(description.format, str)
            and all(isinstance(number, int | float) for number in numbers)
        )
    except (ValueError, TypeError, KeyError):
        valid = False
    if not valid:
        raise UsageError(f"{path}: is not an export of prunesweep.")
    return description
