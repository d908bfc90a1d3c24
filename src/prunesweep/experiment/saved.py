"""A run directory, somebody else's perhaps, read as data: JSON, plain YAML and safetensors, and no code that it names.

The saved config is complete. Left out of it is what belongs to a machine and not to the experiment: the store, the
tracking, and the folder of the data where it is not there.
"""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass
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
from prunesweep.results.flatten import leaves
from prunesweep.results.result import WEIGHTS
from prunesweep.results.run_directory import find_runs

CONFIG = Path(".hydra") / "config.yaml"
NOT_THE_EXPERIMENT = ("hydra", "store", "logger")
CODE = ("target", "_target_")
"""Keys that name code of the user's own by its import path."""
REFERENCE = re.compile(r"\$\{[A-Za-z_]\w*(\.\w+)*\}")
"""`${train.batch_size}`: a value elsewhere in the config. Any other `${…}` reads the environment or calls something."""


@dataclass(frozen=True)
class Saved:
    """A completed run as it lies on the disk.

    Attributes:
        folder: its directory.
        config: what it was run with; store and tracking at their defaults.
        result: its `result.json`.
        provenance: its `provenance.json`, or None where there is none.
        notes: what was filled in or replaced in the config, for the user to read.
    """

    folder: Path
    config: RunConfig
    result: dict[str, Any]
    provenance: dict[str, Any] | None
    notes: tuple[str, ...]

    def weights(self) -> dict[str, Tensor]:
        """The final weights, on the CPU.

        Raises:
            UsageError: the file is not there or is damaged.
        """
        path = self.folder / WEIGHTS
        try:
            return load_file(path)
        except (OSError, SafetensorError) as error:
            raise UsageError(f"{path}: cannot be read ({error}).") from error


def read(folder: Path, *, trust: bool = False) -> Saved:
    """The completed run in `folder`. Code that its config names is refused unless `trust` is set.

    Raises:
        UsageError: it is no run directory, the run did not complete, its config names code, or does not fit any more.
    """
    jobs = {job.name: job for job in find_runs(folder)}
    if "." not in jobs:
        one = (
            f"It is a sweep: give one of its runs, like {folder / min(jobs)}." if jobs else "There is no .hydra/ in it."
        )
        raise UsageError(f"{folder}: is not a run directory. {one}")
    if jobs["."].status != "completed":
        raise UsageError(
            f"{folder}: the run did not complete ({jobs['.'].status}: {shown(jobs['.'].result.get('error'))})."
        )
    plain = _plain(folder / CONFIG)
    if not trust:
        refuse_code(folder, plain)
    moved = _to_this_machine(plain)
    run = config.build(OmegaConf.create(plain))
    return Saved(folder, run, jobs["."].result, jobs["."].provenance, (*moved, *_filled(plain, run)))


def _plain(path: Path) -> dict[str, Any]:
    """The saved config as plain values, nothing in it resolved, without what is not the experiment."""
    try:
        loaded = OmegaConf.load(path)  # a safe loader: plain values only
    except (OSError, ValueError, YAMLError) as error:
        raise UsageError(f"{path}: cannot be read ({type(error).__name__}: {error}).") from error
    if not isinstance(loaded, DictConfig):
        raise UsageError(f"{path}: is not the config of a run.")
    plain = OmegaConf.to_container(loaded, resolve=False)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items() if key not in NOT_THE_EXPERIMENT}


def refuse_code(folder: Path, plain: dict[str, Any]) -> None:
    """Raise `UsageError` if `plain` names code of its own, or asks for more than a value within itself."""
    for name, value in leaves(plain):
        if name.rpartition(".")[2] in CODE and value not in (None, ""):
            raise UsageError(
                f"{folder}: its config names code of its own, {name}={shown(value)}, which would be imported and run. "
                "--trust allows it."
            )
        if isinstance(value, str) and "${" in value and name != "dataset.root" and not REFERENCE.fullmatch(value):
            raise UsageError(
                f"{folder}: its config takes {name} from outside itself, {shown(value)}. --trust allows it."
            )


def _to_this_machine(plain: dict[str, Any]) -> list[str]:
    """Replace `dataset.root` where the data is not there: by PRUNESWEEP_DATA, else the cache directory. Tells of it."""
    dataset = plain.get("dataset")
    source = SOURCES.get(str(dataset.get("name"))) if isinstance(dataset, dict) else None
    if not isinstance(dataset, dict) or source is None:
        return []  # building the config says what is wrong
    root, instead = dataset.get("root"), os.environ.get("PRUNESWEEP_DATA")
    named = isinstance(root, str) and "${" not in root
    if named and all((Path(str(root)).expanduser() / file.path).is_file() for file in source.files):
        return []
    dataset["root"] = instead
    if not named or source.torchvision is None:
        return []
    place = instead or "the cache directory"
    return [f"dataset.root={shown(root)} does not hold {dataset['name']} here; {place} is used"]


def _filled(plain: dict[str, Any], run: RunConfig) -> list[str]:
    """What today's schemas added: the saved config is complete, so it can only be settings that did not exist then."""
    known = {name for name, _ in leaves(plain)}
    added = [
        f"{name}={value}"
        for name, value in leaves(asdict(run))
        if name not in known and name.partition(".")[0] not in NOT_THE_EXPERIMENT
    ]
    return [f"settings that did not exist then, at today's defaults: {', '.join(added)}"] if added else []


def shown(value: Any) -> str:
    """`value` in one line, whatever characters a stranger has put into it."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in str(value))
