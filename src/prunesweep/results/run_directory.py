"""The directory of a run: its saved settings, its result and its provenance.

The files may come from other people. They are read as plain data, within limits, and checked. Nothing in them is
executed, and symbolic links in the directory are not followed.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from prunesweep.errors import printable
from prunesweep.files import parse_json, read_inside
from prunesweep.results.choices import choices, pairs
from prunesweep.results.plain_yaml import parse_yaml
from prunesweep.results.result import EXPORTS, PROVENANCE, RESULT
from prunesweep.results.schema import schema_error

CONFIG = Path(".hydra") / "config.yaml"
HYDRA = CONFIG.with_name("hydra.yaml")
"""The file in which Hydra saves its own configuration, with the option of each group."""
SEARCH_RESULTS, TRIALS = "optimization_results.yaml", "trials.csv"
CONFIRMED = "confirmed"
"""The folder in a search's directory with the runs of `prunesweep confirm`. They are a sweep of their own."""
SWEEP_RECORD = ".sweep.json"
"""The file in a sweep's directory that records the settings and the number of its runs."""
MAX_SWEEP_RECORD = 16_000_000
"""The largest size of this file in bytes."""
NOT_SEARCHED = (CONFIG.parent.name, EXPORTS.name)
"""Folders of a run that contain no other runs."""

MAX_CONFIG = 256 * 2**10
"""The largest size of a saved configuration in bytes. The largest in `conf/` has 2 KiB."""
MAX_SETTINGS = 1_000
"""How many settings a saved configuration may have. Those in `conf/` have less than 100."""
MAX_RESULT = 64 * 2**20
"""The largest size of `result.json` and `provenance.json` in bytes. Runs of 100,000 epochs need about 40 MiB."""
MAX_REASON = 2_000
"""The largest number of characters of the reason why a run has no result. Longer ones are cut."""
MAX_FOLDERS = 20
"""How many folders below a sweep its runs are looked for."""

Value = str | int | float | bool | None
Settings = Mapping[str, Value]


@dataclass(frozen=True)
class RunDirectory:
    """The directory of one run and the content of its `result.json`.

    Attributes:
        folder: The directory.
        name: The path of the directory below its sweep, such as `17/seed=3`, or `.` for a single run.
        result: The fields of `result.json`. If there is no usable result, only `status`, `error` and `overrides`.
    """

    folder: Path
    name: str
    result: dict[str, Any]

    @property
    def status(self) -> str:
        """`completed`, `failed`, `unfinished` (no result) or `unreadable` (damaged, or an unsupported layout)."""
        return str(self.result["status"])

    @property
    def completed(self) -> bool:
        """Whether the directory holds the result of a completed run."""
        return self.status == "completed"

    @property
    def error(self) -> str:
        """The reason why the run has no result; empty for a completed run."""
        return str(self.result.get("error", ""))

    @property
    def overrides(self) -> list[str]:
        """The overrides of the command line or of the sweep."""
        return list(self.result.get("overrides", []))

    @cached_property
    def settings(self) -> Settings:
        """The complete saved configuration under dotted keys; only the overrides if it cannot be read.

        It begins with the option of each group as typed, such as `layers=all`, under the name of the group.
        """
        saved = self._settings[0]
        return {**choices(self._hydra, self.overrides, saved), **saved}

    @property
    def settings_error(self) -> str:
        """The reason why the saved configuration was refused; empty if it was read, or if it does not exist."""
        return self._settings[1]

    @cached_property
    def _settings(self) -> tuple[Settings, str]:
        try:
            return _settings(read_inside(self.folder, CONFIG, MAX_CONFIG).decode()), ""
        except FileNotFoundError:
            reason = ""
        except (OSError, ValueError) as error:
            reason = f"{CONFIG.name}: {error}"
        return dict(pairs(self.overrides)), reason

    @property
    def _hydra(self) -> str:
        try:
            return read_inside(self.folder, HYDRA, MAX_CONFIG).decode()
        except (OSError, ValueError):
            return ""

    @cached_property
    def provenance(self) -> dict[str, Any] | None:
        """The content of `provenance.json`, or None if there is none that can be read."""
        try:
            content = parse_json(read_inside(self.folder, PROVENANCE, MAX_RESULT))
            fits = isinstance(content["environment"], dict) and all(
                {"step", "digest"} <= step.keys() for step in content["steps"]
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return content if fits else None


def read_run(folder: Path) -> RunDirectory:
    """Return the single run in `folder`."""
    return RunDirectory(folder, ".", read_result(folder))


def find_runs(sweep: Path) -> list[RunDirectory]:
    """Return all runs below the directory `sweep`, in the order of their numbers.

    The runs of `prunesweep confirm` are not part of the search that they confirm. Folders that are symbolic links are
    not searched.
    """
    runs = [RunDirectory(sweep / name, printable(name), read_result(sweep / name)) for name in run_folders(sweep)]
    return sorted(runs, key=_numeric_order)


def planned_runs(sweep: Path) -> int | None:
    """Return the number of runs of the sweep in a directory, or None if it is not recorded."""
    try:
        record = parse_json(read_inside(sweep, SWEEP_RECORD, MAX_SWEEP_RECORD))
    except (OSError, ValueError):
        return None
    runs = record.get("runs") if isinstance(record, dict) else None
    return runs if type(runs) is int and runs >= 0 else None


def run_folders(sweep: Path) -> Iterator[str]:
    """Yield the paths of all runs below `sweep`, relative to it, in any order."""
    pending = [(".", 0)]
    while pending:
        folder, depth = pending.pop()
        try:
            with os.scandir(f"{sweep}{os.sep}{folder}") as entries:
                is_folder = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries}
        except OSError:
            continue  # not allowed to read it
        if CONFIG.parent.name in is_folder:
            yield folder
        if depth < MAX_FOLDERS:
            inner = {name for name, known in is_folder.items() if known}.difference(NOT_SEARCHED)
            if SEARCH_RESULTS in is_folder:
                inner.discard(CONFIRMED)
            pending.extend((name if folder == "." else f"{folder}/{name}", depth + 1) for name in inner)


def _numeric_order(run: RunDirectory) -> list[tuple[int, int, str]]:
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in run.name.split("/")]


def read_result(folder: Path) -> dict[str, Any]:
    """Return the fields of `result.json` in `folder`; without a usable one, a status and the reason."""
    try:
        fields = parse_json(read_inside(folder, RESULT, MAX_RESULT))
        reason = schema_error(fields)
        if reason is None:
            return dict(fields) if fields["status"] == "completed" else _failed(fields)
        status = "unreadable"
    except FileNotFoundError:
        status, reason = "unfinished", "there is no result.json: the run did not finish"
    except (OSError, ValueError) as error:
        status, reason = "unreadable", f"result.json: {error}"
    return without_result(status, reason)


def without_result(status: str, reason: str, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """Return the fields of a run that has no usable result."""
    shown = reason if len(reason) <= MAX_REASON else f"{reason[:MAX_REASON]}…"
    return {"status": status, "error": shown, "overrides": list(overrides)}


def _failed(fields: Mapping[str, Any]) -> dict[str, Any]:
    return without_result(fields["status"], str(fields.get("error", "")), fields["overrides"])


def _settings(text: str) -> Settings:
    """Return the settings in the text of a saved configuration.

    Runs of a sweep share most top-level entries, and parsing dominates the time of reading them, so each entry is
    parsed by itself and cached.

    Raises:
        ValueError: The text is not the configuration of a run.
    """
    settings: dict[str, Value] = {}
    try:
        for block in re.split(r"^(?=[^\s\-#])", text, flags=re.MULTILINE):
            entry = _parsed(block)
            if not settings.keys().isdisjoint(entry):
                raise ValueError("repeated")
            settings.update(entry)
    except ValueError:
        settings = dict(_plain_settings(text))  # raises with the correct line, unless an entry has another layout
    if len(settings) > MAX_SETTINGS:
        raise ValueError(f"has more than {MAX_SETTINGS:,} settings")
    return settings


@lru_cache(maxsize=65_536)
def _parsed(block: str) -> Settings:
    return _plain_settings(block)


def _plain_settings(text: str) -> Settings:
    """Return the settings in a YAML mapping under dotted keys.

    Raises:
        ValueError: The text is not a YAML mapping.
    """
    tree = parse_yaml(text)
    if tree is not None and not isinstance(tree, dict):
        raise ValueError("is not a mapping")
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


def short_path(path: Path) -> Path:
    """Return `path` relative to the working directory if it is below it, else the absolute path."""
    here, absolute = Path.cwd(), path.resolve()
    return absolute.relative_to(here) if absolute.is_relative_to(here) else absolute
