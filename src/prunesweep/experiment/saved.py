"""Load the configuration and the weights of a saved run.

A run directory may come from someone else, so it is data: JSON, plain YAML and safetensors, read within limits. Code
that its config names is imported only if the caller trusts it. All commands read saved runs with these functions.

The saved config is complete. Settings of the machine are never taken from it: the store, the logger, the folder of the
data, the number of a CUDA device, the storage of a search.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from safetensors import SafetensorError, safe_open
from safetensors.torch import load
from torch import Tensor

from prunesweep import config
from prunesweep.config import RunConfig
from prunesweep.data.sources import SOURCES
from prunesweep.errors import UsageError, printable
from prunesweep.files import parse_json, read_inside, write_atomically
from prunesweep.models.settings import MAX_WEIGHTS
from prunesweep.results.flatten import leaves
from prunesweep.results.plain_yaml import parse_yaml
from prunesweep.results.result import SCALES, WEIGHTS
from prunesweep.results.run_directory import CONFIG, MAX_CONFIG, RunDirectory, find_runs, read_run
from prunesweep.roles import Role, role_of

DATA_FOLDER = "dataset.root"
CODE_KEYS = ("target", "_target_")
"""Last parts of the keys whose value is the import path of code."""
REFERENCE = re.compile(r"\$\{([A-Za-z_]\w*(?:\.\w+)*)\}")
"""`${train.batch_size}`: a value elsewhere in the config. Other interpolations can read the environment."""
MAX_REFERENCES = 10
"""How many references may follow each other until a value is reached."""


def completed_run(folder: Path) -> RunDirectory:
    """Return the completed run in `folder`.

    Raises:
        UsageError: `folder` is not a run directory, or the run did not complete.
    """
    if not (folder / CONFIG.parent).is_dir():
        runs = find_runs(folder)
        reason = (
            f"It is a sweep: give one of its runs, such as {runs[0].folder}."
            if runs
            else f"It does not contain {CONFIG.parent}/."
        )
        raise UsageError(f"{folder}: is not a run directory. {reason}")
    run = read_run(folder)
    if not run.completed:
        raise UsageError(f"{folder}: the run did not complete ({run.status}: {printable(run.error)}).")
    return run


@dataclass(frozen=True)
class Files:
    """Where this machine has the files that a saved run used.

    Attributes:
        root: The place of the user's own data, like `dataset.root`.
        weights: The file of given weights, like `model.weights`.
    """

    root: str | None = None
    weights: str | None = None


HERE = Files()
"""No file is given."""

OPTIONS = {"dataset.root": "--root", "model.weights": "--weights"}
"""Setting -> the option of the commands that replaces it."""


def load_config(
    run: RunDirectory, files: Files = HERE, *, trust: bool = False, to_run: bool = True
) -> tuple[RunConfig, list[str]]:
    """Return the typed configuration of `run`, and notes about what differs from the saved file.

    Args:
        run: A run directory, possibly from someone else.
        files: Files of this machine that replace those in the config.
        trust: Whether the config may import code by its path, read the environment, and name files of this machine.
        to_run: Whether the config will be run. Otherwise, given weights are not needed.

    Returns:
        The configuration with the present machine's store, logger and data folder, and one note for each value that was
        replaced or added.

    Raises:
        UsageError: The config cannot be read, names code or files without `trust`, or does not fit the current schemas.
    """
    saved = _read_config(run.folder)
    values = _with_references_replaced(run.folder, _experiment_settings(saved))
    if not trust:
        refuse_code(run.folder, values)
    notes = list(_use_machine_settings(saved, values, files))
    _use_files(run.folder, saved, values, files, trust=trust, to_run=to_run)
    loaded = config.build(OmegaConf.create(values))
    return loaded, [*notes, *_added_defaults(values, loaded)]


def save_config(folder: Path, settings: RunConfig) -> None:
    """Write `settings` to `.hydra/config.yaml` in `folder`, so that the run can be reported and reproduced."""
    write_atomically(folder / CONFIG, OmegaConf.to_yaml(asdict(settings)).encode())


def load_weights(run: RunDirectory) -> dict[str, Tensor]:
    """Return the final weights of `run` by parameter name, on the CPU.

    Raises:
        UsageError: The file is missing or damaged.
    """
    path = run.folder / WEIGHTS
    try:
        return load(read_inside(run.folder, WEIGHTS, MAX_WEIGHTS))
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:  # KeyError: an unknown type
        raise UsageError(f"{path}: cannot be read ({error}).") from error


def load_scales(run: RunDirectory) -> list[float] | None:
    """Return the scales of the activations of an integer network, or None if `run` is not quantized to integers.

    With its weights, they define its program: `quantization.integer.IntegerNetwork`.

    Raises:
        UsageError: The file is missing or damaged.
    """
    path = run.folder / WEIGHTS
    try:
        read_inside(run.folder, WEIGHTS, MAX_WEIGHTS)  # does not follow links
        with safe_open(path, "pt") as file:
            text = (file.metadata() or {}).get(SCALES)
        scales = None if text is None else parse_json(text.encode())
        if scales is not None and not (isinstance(scales, list) and all(map(_is_scale, scales))):
            raise ValueError(f"{SCALES} is not a list of positive numbers")
    except (OSError, ValueError, SafetensorError) as error:
        raise UsageError(f"{path}: cannot be read ({error}).") from error
    return scales


def _is_scale(value: Any) -> bool:
    return isinstance(value, float) and 0 < value < math.inf


def refuse_code(source: Path, settings: Mapping[str, Any]) -> None:
    """Check that `settings`, nested plain values from the file or directory `source`, do not execute code.

    Raises:
        UsageError: A setting is the import path of code, or an interpolation that reaches outside the config.
    """
    for key, value in leaves(dict(settings)):
        if key.rpartition(".")[2] in CODE_KEYS and value not in (None, ""):
            raise UsageError(
                f"{source}: its config names code, {key}={printable(value)}, which would be imported and executed. "
                "Pass --trust to allow it."
            )
        if isinstance(value, str) and "${" in value:
            raise UsageError(
                f"{source}: its config computes {printable(key)} from outside the config, {printable(value)}. "
                "Pass --trust to allow it."
            )


def _read_config(folder: Path) -> dict[str, Any]:
    """Return the values of the saved config as plain values. References are not replaced."""
    try:
        values = parse_yaml(read_inside(folder, CONFIG, MAX_CONFIG).decode())
        if not isinstance(values, dict):
            raise ValueError("it is not the config of a run")
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder / CONFIG}: cannot be read ({error}).") from error
    return {str(key): value for key, value in values.items()}


def _experiment_settings(values: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    """Return `values` without the settings of the machine that computed the run."""
    return {
        name: _experiment_settings(value, f"{prefix}{name}.") if isinstance(value, dict) else value
        for name, value in values.items()
        if not _is_local(f"{prefix}{name}")
    }


def _is_local(key: str) -> bool:
    """Whether the setting is always the present machine's own."""
    return role_of(RunConfig, key) is Role.NOTHING


def _with_references_replaced(folder: Path, values: dict[str, Any]) -> dict[str, Any]:
    """Return `values` with each reference replaced by the single value that it refers to.

    Raises:
        UsageError: A reference leads to no single value: to a part of the config, to itself, or to nothing.
    """

    def replaced(key: str, node: Any) -> Any:
        if isinstance(node, dict):
            return {name: replaced(f"{key}.{name}", inner) for name, inner in node.items()}
        if isinstance(node, list):
            return [replaced(f"{key}.{number}", inner) for number, inner in enumerate(node)]
        value = node
        for _ in range(MAX_REFERENCES):
            reference = REFERENCE.fullmatch(value) if isinstance(value, str) else None
            if reference is None:
                break
            value = _look_up(values, reference[1])
        if isinstance(value, dict | list) or (isinstance(value, str) and REFERENCE.fullmatch(value)):
            raise UsageError(
                f"{folder / CONFIG}: {printable(key)}={printable(node)} does not refer to a single value of the config."
            )
        return value

    return {key: replaced(key, node) for key, node in values.items()}


def _look_up(values: Mapping[str, Any], key: str) -> Any:
    """Return the value of the dotted `key`, or an empty dictionary if it does not exist."""
    node: Any = values
    for name in key.split("."):
        node = node.get(name, {}) if isinstance(node, dict) else {}
    return node


def _use_machine_settings(saved: Mapping[str, Any], values: dict[str, Any], files: Files) -> Iterator[str]:
    """Set the settings of this machine in `values`, and yield a note if data was read from another folder.

    The folder of published data is the given one, the environment variable PRUNESWEEP_DATA, or None for the cache
    directory. The device keeps its kind, which changes the last bits of a result, but not the number that it had on the
    other machine.
    """
    if str(values.get("device")).startswith("cuda:"):
        values["device"] = "cuda"
    dataset, local = values.get("dataset"), files.root or os.environ.get("PRUNESWEEP_DATA")
    if not isinstance(dataset, dict):
        return  # reported when the config is built
    dataset["root"] = local
    before = saved["dataset"].get("root")
    source = SOURCES.get(str(dataset.get("name")))
    if files.root or before in (None, local) or "${" in str(before) or source is None or source.torchvision is None:
        return
    place = printable(local or "the cache directory")
    yield (
        f"dataset.root={printable(before)} is not used: data is read from {place}. To change it, give --root, or set "
        "PRUNESWEEP_DATA"
    )


def _use_files(
    folder: Path, saved: Mapping[str, Any], values: dict[str, Any], files: Files, *, trust: bool, to_run: bool
) -> None:
    """Set the files of this machine in `values`. Those in the saved config are used only with `trust`.

    Raises:
        UsageError: The config names a file that is neither given nor trusted.
    """
    dataset, model = values.get("dataset"), values.get("model")
    if isinstance(dataset, dict) and dataset.get("name") in ("folder", "arrays"):
        before = saved["dataset"].get("root")
        dataset["root"] = files.root or _trusted_file(folder, DATA_FOLDER, before, trust=trust)
    if isinstance(model, dict) and model.get("weights") and to_run:
        model["weights"] = files.weights or _trusted_file(folder, "model.weights", model["weights"], trust=trust)


def _trusted_file(folder: Path, key: str, value: Any, *, trust: bool) -> Any:
    if not trust:
        raise UsageError(
            f"{folder}: its config names a file of the machine, {key}={printable(value)}. Give it with {OPTIONS[key]}, "
            "or pass --trust to use this path."
        )
    return value


def _added_defaults(values: Mapping[str, Any], loaded: RunConfig) -> Iterator[str]:
    """Yield a note about settings of the current schemas that the complete saved config does not have."""
    saved = {key for key, _ in leaves(dict(values))}

    def is_saved(key: str) -> bool:  # itself, or as part of a setting that is null: `dataset.mean.0` of `dataset.mean`
        parts = key.split(".")
        return any(".".join(parts[: count + 1]) in saved for count in range(len(parts)))

    added = [f"{key}={value}" for key, value in leaves(asdict(loaded)) if not is_saved(key) and not _is_local(key)]
    if added:
        yield f"the saved config does not have these settings, their current defaults are used: {', '.join(added)}"
