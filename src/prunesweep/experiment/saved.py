"""Load the configuration and the weights of a saved run.

A run directory may come from someone else, so it is data: JSON, plain YAML and safetensors. Code that its config names
is imported only if the caller trusts it.

The saved config is complete. Settings that cannot change a result belong to the present machine and are not taken from
it: the store, the logger, the storage of a search. `dataset.root` is used only if the data is there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from yaml import YAMLError

from prunesweep import config
from prunesweep.config import RunConfig
from prunesweep.data.sources import SOURCES
from prunesweep.errors import UsageError
from prunesweep.files import write_atomically
from prunesweep.results.flatten import leaves
from prunesweep.results.result import WEIGHTS
from prunesweep.results.run_directory import CONFIG, RunDirectory, find_runs, read_run
from prunesweep.roles import Role, role_of

DATA_FOLDER = "dataset.root"
CODE_KEYS = ("target", "_target_")
"""Last parts of the keys whose value is the import path of code."""
REFERENCE = re.compile(r"\$\{[A-Za-z_]\w*(\.\w+)*\}")
"""`${train.batch_size}`: a value elsewhere in the config. Other interpolations can read the environment."""


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


def load_config(run: RunDirectory, *, trust: bool = False) -> tuple[RunConfig, list[str]]:
    """Return the typed configuration of `run`, and notes about what differs from the saved file.

    Args:
        run: A run directory, possibly from someone else.
        trust: Whether the config may import code by its path and read the environment.

    Returns:
        The configuration with the present machine's store, logger and data folder, and one note for each value that was
        replaced or added.

    Raises:
        UsageError: The config cannot be read, names code without `trust`, or does not fit the current schemas.
    """
    values = _experiment_settings(_read_yaml(run.folder / CONFIG))
    if not trust:
        refuse_code(run.folder, values)
    replaced = list(_use_local_data(values))
    loaded = config.build(OmegaConf.create(values))
    return loaded, [*replaced, *_added_defaults(values, loaded)]


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
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise UsageError(f"{path}: cannot be read ({error}).") from error


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
        if isinstance(value, str) and "${" in value and key != DATA_FOLDER and not REFERENCE.fullmatch(value):
            raise UsageError(
                f"{source}: its config computes {key} from outside the config, {printable(value)}. "
                "Pass --trust to allow it."
            )


def printable(value: Any) -> str:
    """Return `value` as text on one line. Control characters from a foreign file are escaped."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in str(value))


def _read_yaml(path: Path) -> dict[str, Any]:
    """Return the values of the config file as plain values. Interpolations are not resolved."""
    try:
        loaded = OmegaConf.load(path)  # a safe loader, which cannot construct objects
    except (OSError, ValueError, YAMLError) as error:
        raise UsageError(f"{path}: cannot be read ({type(error).__name__}: {error}).") from error
    if not isinstance(loaded, DictConfig):
        raise UsageError(f"{path}: is not the config of a run.")
    values = OmegaConf.to_container(loaded, resolve=False)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def _experiment_settings(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return `values` without the settings of the machine that computed the run."""
    return {
        str(name): _experiment_settings(value, f"{prefix}{name}.") if isinstance(value, dict) else value
        for name, value in values.items()
        if not _is_local(f"{prefix}{name}")
    }


def _is_local(key: str) -> bool:
    """Whether the setting is always the present machine's own."""
    return key != DATA_FOLDER and role_of(RunConfig, key) is Role.NOTHING


def _use_local_data(values: dict[str, Any]) -> Iterator[str]:
    """Replace `dataset.root` in `values` if it does not contain the data, and yield a note for the user.

    The replacement is the environment variable PRUNESWEEP_DATA, or None for the cache directory.
    """
    dataset = values.get("dataset")
    source = SOURCES.get(str(dataset.get("name"))) if isinstance(dataset, dict) else None
    if not isinstance(dataset, dict) or source is None:
        return  # reported when the config is built
    root, local = dataset.get("root"), os.environ.get("PRUNESWEEP_DATA")
    is_path = isinstance(root, str) and "${" not in root
    if is_path and all((Path(str(root)).expanduser() / file.path).is_file() for file in source.files):
        return
    dataset["root"] = local
    if is_path and source.torchvision is not None:
        place = local or "the cache directory"
        yield f"dataset.root={printable(root)} does not contain {dataset['name']}; {place} is used instead"


def _added_defaults(values: Mapping[str, Any], loaded: RunConfig) -> Iterator[str]:
    """Yield a note about settings of the current schemas that the complete saved config does not have."""
    saved = {key for key, _ in leaves(dict(values))}
    added = [
        f"{key}={value}"
        for key, value in leaves(asdict(loaded))
        if key not in saved and key != DATA_FOLDER and not _is_local(key)
    ]
    if added:
        yield f"the saved config does not have these settings, their current defaults are used: {', '.join(added)}"
