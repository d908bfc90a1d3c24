"""What an exported file tells of itself, so that it can be scored without the run that it comes from."""

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
from prunesweep.experiment.saved import refuse_code

KEY = "prunesweep"
"""Under which the description lies in a file's metadata."""


@dataclass(frozen=True)
class Description:
    """The network's settings, what it was trained on, and what it scored.

    Attributes:
        format: the name of the file's format.
        model: the settings of the network, its `name` among them.
        dataset: the name of the data set.
        shape: channels, height and width of an image.
        mean: of each channel; an image goes in as (pixel / 255 - mean) / std.
        std: of each channel.
        validation: how many training images were held out.
        test_accuracy: correct / total on the test split, from `result.json`.
        params_total: parameters of the dense network, weights and biases.
        params_nonzero: those that are not pruned.
        digest: the run's.
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
        """As JSON."""
        return json.dumps(asdict(self))

    def data(self, dataset: str | None = None, root: str | None = None) -> Dataset:
        """The data set that the network was trained on, or another, in the network's own normalisation.

        Raises:
            UsageError: its images are of another shape.
        """
        name = dataset or self.dataset
        held_out = self.validation if name == self.dataset else 500 if name == "mnist5k" else 5_000
        check_choice("--dataset", name, SOURCES)
        if list(SOURCES[name].shape) != list(self.shape):
            raise UsageError(
                f"--dataset={name}: its images are of shape {list(SOURCES[name].shape)}, "
                f"the network takes {list(self.shape)}."
            )
        return Dataset(name, root, list(self.mean), list(self.std), held_out)

    def context(self, path: Path, *, trust: bool) -> Context:
        """What the network of the file at `path` is built by, on the CPU.

        Raises:
            UsageError: the network is code of somebody's own, and `trust` is not set.
        """
        if not trust:
            refuse_code(path, {"model": self.model})
        return Context(option("model", self.model), self.data(), "cpu")


def loads(path: Path, text: str | bytes | None) -> Description:
    """The description of the file at `path`, from its JSON.

    Raises:
        UsageError: there is none, or it is not one.
    """
    try:
        told = json.loads(text or "")
        found = Description(**{field.name: told[field.name] for field in fields(Description)})
        fitting = found.dataset in SOURCES and isinstance(found.model, dict) and isinstance(found.format, str)
        float(found.test_accuracy), int(found.validation), list(map(float, [*found.mean, *found.std, *found.shape]))
    except (ValueError, TypeError, KeyError):
        fitting = False
    if not fitting:
        raise UsageError(f"{path}: is not an export of prunesweep.")
    return found
