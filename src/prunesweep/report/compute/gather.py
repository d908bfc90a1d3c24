"""The runs of one sweep or of several, each with its settings: what everything else in a report is computed from."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

import yaml

from prunesweep.report.compute.costs import costs
from prunesweep.results.run_directory import RunDirectory, find_runs

Value = str | int | float | bool | None
Settings = Mapping[str, Value]
CONFIG = ".hydra/config.yaml"
NOT_THE_EXPERIMENT = ("seed", "device", "threads", "store", "hydra", "logger", "search", "study", "dataset.root")
"""Settings in which repetitions of one experiment may differ."""


@dataclass(frozen=True)
class Run:
    """A run that is done.

    Attributes:
        name: as in `results.csv`.
        folder: its directory.
        sweep: the sweep's directory as it was given.
        fields: what its `result.json` holds.
        settings: its complete config under dotted keys; only its overrides where the config is absent.
    """

    name: str
    folder: Path
    sweep: str
    fields: dict[str, Any]
    settings: Settings

    @property
    def experiment(self) -> frozenset[tuple[str, Value]]:
        """What repetitions with other seeds have in common."""
        kept = {key: value for key, value in self.settings.items() if not repeats(key)}
        return frozenset({**kept, "model": self.fields["model"], "dataset": self.fields["dataset"]}.items())

    @cached_property
    def costs(self) -> dict[str, float | None]:
        """What its network costs on every axis."""
        return costs(self.fields)

    @property
    def command(self) -> str:
        """What runs it again and compares."""
        return f"prunesweep reproduce {shlex.quote(str(near(self.folder)))}"


@dataclass(frozen=True)
class Lost:
    """A run that has no result: why, and what it was to do."""

    name: str
    status: str
    overrides: str
    reason: str


@dataclass(frozen=True)
class Runs:
    """Sweeps read together: the jobs as they are, those that are done, those that are not."""

    sweeps: tuple[str, ...]
    jobs: list[RunDirectory]
    done: list[Run]
    lost: list[Lost]


def gather(sweeps: Sequence[Path]) -> Runs:
    """Read the sweep directories `sweeps`; with several of them a run's name begins with its sweep's."""
    jobs: list[RunDirectory] = []
    done: list[Run] = []
    for sweep in sweeps:
        for job in find_runs(sweep):
            name = job.name if len(sweeps) == 1 else f"{near(sweep)}/{job.name}"
            jobs.append(RunDirectory(job.folder, name, job.result))
            if job.status == "completed":
                folder = sweep / job.name
                done.append(Run(name, folder, str(near(sweep)), job.result, _settings(folder, job.result)))
    lost = [
        Lost(job.name, job.status, " ".join(job.result.get("overrides", [])), str(job.result.get("error", "")))
        for job in jobs
        if job.status != "completed"
    ]
    return Runs(tuple(str(near(sweep)) for sweep in sweeps), jobs, done, lost)


def near(path: Path) -> Path:
    """`path` as seen from here where it lies below, else its full name."""
    here, whole = Path.cwd(), path.resolve()
    return whole.relative_to(here) if whole.is_relative_to(here) else whole


@cache
def repeats(key: str) -> bool:
    """Whether runs that differ in `key` alone are repetitions of one experiment."""
    return any(key == name or key.startswith(f"{name}.") for name in NOT_THE_EXPERIMENT)


def _settings(folder: Path, fields: Mapping[str, Any]) -> Settings:
    try:
        found: dict[str, Value] = {}
        for block in re.split(r"^(?=[^\s\-#])", (folder / CONFIG).read_text(encoding="utf-8"), flags=re.MULTILINE):
            found.update(_parsed(block))
        return found
    except (OSError, ValueError):
        return {key.lstrip("+"): value for key, _, value in (text.partition("=") for text in fields["overrides"])}


@lru_cache(maxsize=65_536)
def _parsed(block: str) -> Settings:
    """A top-level entry of a YAML file under dotted keys. Runs share most of theirs, and parsing is what takes time.

    Raises:
        ValueError: not YAML, or not a mapping.
    """
    try:
        tree = yaml.load(block, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
    if tree is not None and not isinstance(tree, dict):
        raise ValueError("not a mapping")
    return dict(_flat(tree or {}))


def _flat(tree: Mapping[Any, Any], prefix: str = "") -> Iterable[tuple[str, Value]]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list | dict):
            yield f"{prefix}{key}", str(value).replace("'", "")
        else:
            yield f"{prefix}{key}", value if isinstance(value, str | int | None) or _is_finite(value) else str(value)


def _is_finite(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def swept(runs: Sequence[Run]) -> list[str]:
    """The settings in which the experiments of `runs` differ, without those that another one settles.

    The name of a network, say, settles its widths: then only the name is told.
    """
    keys = [key for key in dict.fromkeys(key for run in runs for key in run.settings) if not repeats(key)]
    columns = {key: [run.settings.get(key) for run in runs] for key in keys}
    varying = {
        key: column
        for key, column in columns.items()
        if len({run.settings[key] for run in runs if key in run.settings}) > 1  # not where it is merely absent
    }
    kept: list[str] = []
    for key in sorted(varying, key=lambda key: (not key.endswith((".name", ".criterion")), keys.index(key))):
        named = [other for other in kept if _group(other) == _group(key) and isinstance(varying[other][0], str)]
        if not any(_settles(varying[other], varying[key]) for other in named):
            kept.append(key)
    return sorted(kept, key=keys.index)


def _group(key: str) -> str:
    return key.partition(".")[0]


def _settles(one: Sequence[Value], other: Sequence[Value]) -> bool:
    return len(set(zip(one, other, strict=True))) == len(set(one))
