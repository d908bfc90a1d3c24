"""The directory of a run: its saved settings, its result and its provenance.

The files may come from other people. They are read as plain data and checked, and nothing in them is executed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import yaml

from prunesweep.results.result import PROVENANCE, RESULT
from prunesweep.results.schema import schema_error

CONFIG = Path(".hydra") / "config.yaml"
SEARCH_RESULTS = "optimization_results.yaml"
CONFIRMED = "confirmed"
"""The folder in a search's directory with the runs of `prunesweep confirm`. They are a sweep of their own."""

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
        """The complete saved configuration under dotted keys; only the overrides if it cannot be read."""
        try:
            settings: dict[str, Value] = {}
            for block in re.split(r"^(?=[^\s\-#])", (self.folder / CONFIG).read_text("utf-8"), flags=re.MULTILINE):
                settings.update(_parsed(block))
            return settings
        except (OSError, ValueError):
            pairs = (text.partition("=") for text in self.overrides)
            return {key.lstrip("+"): value for key, _, value in pairs}

    @cached_property
    def provenance(self) -> dict[str, Any] | None:
        """The content of `provenance.json`, or None if there is none that can be read."""
        try:
            content = json.loads((self.folder / PROVENANCE).read_bytes())
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

    The runs of `prunesweep confirm` are not part of the search that they confirm.
    """
    folders = [path.parent for path in sweep.glob("**/.hydra") if not _confirms(path, sweep)]
    runs = [RunDirectory(folder, folder.relative_to(sweep).as_posix(), read_result(folder)) for folder in folders]
    return sorted(runs, key=_numeric_order)


def _confirms(path: Path, sweep: Path) -> bool:
    """Whether `path` belongs to a run that confirms a search in or below `sweep`."""
    parts = path.relative_to(sweep).parts
    return any(
        name == CONFIRMED and sweep.joinpath(*parts[:depth], SEARCH_RESULTS).exists()
        for depth, name in enumerate(parts)
    )


def _numeric_order(run: RunDirectory) -> list[tuple[int, int, str]]:
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in run.name.split("/")]


def read_result(folder: Path) -> dict[str, Any]:
    """Return the fields of `result.json` in `folder`; without a usable one, a status and the reason."""
    try:
        fields = json.loads((folder / RESULT).read_bytes(), parse_constant=_reject_constant)
        reason = schema_error(fields)
        if reason is None:
            return dict(fields)
        status = "unreadable"
    except FileNotFoundError:
        status, reason = "unfinished", "there is no result.json: the run did not finish"
    except (OSError, ValueError, RecursionError) as error:
        status, reason = "unreadable", f"result.json: {error}"
    return {"status": status, "error": reason, "overrides": []}


def _reject_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


@lru_cache(maxsize=65_536)
def _parsed(block: str) -> Settings:
    """Return one top-level entry of a YAML file under dotted keys.

    Runs of a sweep share most entries, and parsing dominates the time of reading them, so entries are cached.

    Raises:
        ValueError: The block is not a YAML mapping.
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
