"""The description in an exported file, which makes it usable without the directory of its run."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from prunesweep.config import option
from prunesweep.data.layout import CHANNELS_LAST, LAYOUTS
from prunesweep.data.settings import DIVISORS, MAX_EXAMPLES, MAX_SIDE, OWN, Dataset, NamedDataset
from prunesweep.data.sources import SOURCES
from prunesweep.errors import UsageError, check_choice
from prunesweep.export.invalid import InvalidFile, shortened
from prunesweep.files import canonical, sha256

KEY = "prunesweep"
"""Key of the description in the metadata of a file."""

MAX_LENGTH = 100_000
"""The largest length of a description as JSON."""

MAX_CLASSES = 100_000
MAX_SHAPE = 2**24
"""The largest number of values of an image."""

FLOAT32_MAX, FLOAT32_TINY = 3.4028234e38, 1.1754944e-38
"""The range of positive numbers with which images, of type float32, can be normalized."""


@dataclass(frozen=True)
class Description:
    """The network in a file: its settings, its data and its accuracy.

    Attributes:
        format: Name of the file's format.
        model: Settings of the network, including its `name`.
        dataset: Name of the data set: one of `SOURCES`, or a kind of the user's own data.
        shape: Channels, height and width of an image.
        mean: Mean of each channel. The network expects (pixel * scale - mean) / std.
        std: Standard deviation of each channel.
        validation: Number of training images held out for validation.
        test_accuracy: Correct / total on the test split, from `result.json`.
        params_total: Weights and biases of the dense network.
        params_nonzero: Weights and biases that are not pruned.
        digest: The ID of the run, or its first 16 digits.
        layout: The memory layout of images and weights in which the network runs.
        classes: The number of classes.
        scale: The factor of pixels, a key of `DIVISORS`.
        data: Other settings of the user's own data, without its place.
        checksum: The SHA-256 of the other fields and of the content of the file. None in files of older releases.
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
    layout: str = CHANNELS_LAST
    classes: int = 10
    scale: str = "1/255"
    data: dict[str, Any] = field(default_factory=dict)
    checksum: str | None = None

    def dumps(self, content_hash: str) -> str:
        """Return the description as JSON, with the checksum of a file whose content has the hash `content_hash`."""
        values = asdict(self)
        return json.dumps({**values, "checksum": checksum(values, content_hash)})

    def data_set(self, dataset: str | None = None, root: str | None = None) -> Dataset:
        """Return the settings of the data set called `dataset` with the normalization of the network.

        Args:
            dataset: Name of a data set. By default the one that the network was trained on.
            root: The place of the data, like `dataset.root`.

        Raises:
            UsageError: The images of the data set have another shape, or its place is not given.
        """
        name = dataset or self.dataset
        check_choice("--dataset", name, (*SOURCES, *OWN))
        mean, std, scale = list(self.mean), list(self.std), self.scale
        if name in SOURCES:
            held_out = self.validation if name == self.dataset else SOURCES[name].validation
            if list(SOURCES[name].shape) != list(self.shape):
                raise UsageError(
                    f"--dataset={name}: its images have the shape {list(SOURCES[name].shape)}, "
                    f"but the network expects {list(self.shape)}."
                )
            return NamedDataset(name, root, mean, std, held_out, scale)
        if root is None and name != "custom":
            raise UsageError(f"--dataset={name}: give the place of the data with --root, like dataset.root.")
        settings = {"size": list(self.shape[1:]), "grey": self.shape[0] == 1} if name == "folder" else {}
        settings = self.data if name == self.dataset else settings
        own = {**settings, "name": name, "root": root, "mean": mean, "std": std, "scale": scale}
        return option("dataset", own)  # type: ignore[no-any-return]


def checksum(values: Mapping[str, Any], content_hash: str) -> str:
    """Return the SHA-256 of a description and of the content of its file.

    Args:
        values: The fields of the description. The field `checksum` is ignored, unknown fields are included.
        content_hash: The SHA-256 of the content of the file.
    """
    return sha256(canonical([{key: value for key, value in values.items() if key != "checksum"}, content_hash]))


def parse(text: str | bytes) -> dict[str, Any]:
    """Return the fields of a description from its JSON.

    Raises:
        InvalidFile: `text` is too long.
        ValueError: `text` is not a JSON object.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidFile(f"has a description that is longer than {MAX_LENGTH:,} characters")
    values = json.loads(text)
    if not isinstance(values, dict):
        raise ValueError("the description is not a JSON object")
    return values


def check(values: Mapping[str, Any]) -> Description:
    """Return the description with the given fields. Unknown fields are ignored.

    Raises:
        InvalidFile: A field is missing or invalid. The message names the field, its value and what is allowed.
    """
    for name, allowed in _errors(values):
        if name not in values:
            raise InvalidFile(f"is not an export of prunesweep: its description does not have {name}")
        raise InvalidFile(f"has {name}={shown(values[name])} in its description: must be {allowed}")
    return Description(**{each.name: values[each.name] for each in fields(Description) if each.name in values})


def shown(value: Any) -> str:
    """Return a value of a description as JSON of limited length."""
    return shortened(json.dumps(value))


def _errors(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name of each invalid field and what is allowed.

    Use only the first one: later checks assume that earlier ones passed.
    """
    if not isinstance(values.get("format"), str):
        yield "format", "the name of a format"
    dataset = values.get("dataset")
    if not isinstance(dataset, str) or dataset not in (*SOURCES, *OWN):
        yield "dataset", f"one of {', '.join((*SOURCES, *OWN))}"
    source = SOURCES.get(str(dataset))
    shape: Any = values.get("shape")
    if not _is_list(shape, int, length=3) or not all(1 <= length <= MAX_SIDE for length in shape):
        yield "shape", f"a list of channels, height and width from 1 to {MAX_SIDE}"
    if math.prod(shape) > MAX_SHAPE:
        yield "shape", f"the shape of an image with at most {MAX_SHAPE:,} values"
    if source is not None and shape != list(source.shape):
        yield "shape", f"{list(source.shape)}, the shape of the images of {dataset}"
    for name, low in (("mean", -FLOAT32_MAX), ("std", FLOAT32_TINY)):
        numbers = values.get(name)
        if not _is_list(numbers, int, float, length=shape[0]):
            yield name, f"a list of {shape[0]} number(s), one for each channel"
        if not all(low <= number <= FLOAT32_MAX for number in values[name]):
            yield name, "finite numbers" if name == "mean" else "finite numbers above 0"
    largest = source.max_validation if source else MAX_EXAMPLES
    if not _is_between(values.get("validation"), 1, largest, int):
        yield "validation", f"an integer from 1 to {largest:,}"
    classes = source.classes if source else None
    if not _is_between(values.get("classes", 10), classes or 2, classes or MAX_CLASSES, int):
        yield "classes", f"an integer from {classes or 2} to {classes or MAX_CLASSES:,}"
    if not isinstance(values.get("scale", "1/255"), str) or values.get("scale", "1/255") not in DIVISORS:
        yield "scale", f"one of {', '.join(DIVISORS)}"
    data = values.get("data", {})
    if not isinstance(data, dict) or (source is not None and data) or "${" in json.dumps(data):
        yield "data", "an object with settings of the user's own data"
    if not _is_between(values.get("test_accuracy"), 0, 1, int, float):
        yield "test_accuracy", "a number from 0 to 1"
    if not _is_between(values.get("params_total"), 1, 2**63, int):
        yield "params_total", "an integer of at least 1"
    if not _is_between(values.get("params_nonzero"), 0, values["params_total"], int):
        yield "params_nonzero", f"an integer from 0 to params_total={values['params_total']}"
    if values.get("layout", CHANNELS_LAST) not in LAYOUTS:
        yield "layout", f"one of {', '.join(LAYOUTS)}"
    for name in ("digest", "checksum"):
        short = "|[0-9a-f]{16}" if name == "digest" else ""  # in packed files
        is_hash = isinstance(values.get(name), str) and re.fullmatch(f"[0-9a-f]{{64}}{short}", values[name])
        if not is_hash and (name in values or name == "digest"):
            yield name, f"64{' or 16' if short else ''} hexadecimal digits"
    yield from _errors_of_model(values.get("model"))


def _errors_of_model(model: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(model, dict) or not isinstance(model.get("name"), str):
        yield "model", "an object with the settings of a network, including its name"
    if "${" in json.dumps(model):  # before `option`, which would resolve it
        yield "model", "plain values without ${...}"
    try:
        settings = asdict(option("model", model))
    except UsageError as error:
        raise InvalidFile(f"has an invalid model in its description: {shortened(str(error).rstrip('.'))}") from error
    for key, value in model.items():
        if canonical(settings[key]) != canonical(value):  # a value of another type was converted
            yield "model", f"settings of the right types, such as {key}={json.dumps(settings[key])}"


def _is_list(value: Any, *kinds: type, length: int | None = None) -> bool:
    """Whether `value` is a list of this length whose entries have exactly one of the types."""
    fits = isinstance(value, list) and all(type(entry) in kinds for entry in value)
    return fits and length in (None, len(value))


def _is_between(value: Any, low: float, high: float, *kinds: type) -> bool:
    """Whether `value` has exactly one of the types and is in the range. A boolean is not an integer."""
    return type(value) in kinds and low <= value <= high
