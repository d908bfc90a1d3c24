"""A run's result, `result.json`, and many of them as one table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prunesweep.files import write_atomically

RESULT = "result.json"
WEIGHTS = "model.safetensors"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Result:
    """What `result.json` of a completed run holds; README.md says what each field means."""

    status: str
    model: str
    dataset: str
    seed: int
    device: str
    threads: int
    digest: str
    dense_digest: str
    overrides: list[str]
    criterion: str
    scope: str
    structure: str
    schedule: str
    amount: float
    params_total: int
    params_selected: int
    params_pruned: int
    params_nonzero: int
    params_effective: int
    sparsity: float
    param_reduction: float
    compression: float | None
    macs_total: int
    macs_nonzero: int
    theoretical_speedup: float | None
    dead_layers: list[str]
    dense: dict[str, float]
    pruned: dict[str, float]
    final: dict[str, float]
    layers: list[dict[str, Any]]
    compact: dict[str, Any] | None
    rounds: list[dict[str, Any]]
    history: list[dict[str, Any]]
    seconds: float
    steps_total: int
    steps_cached: int
    schema_version: int = SCHEMA_VERSION


def write(folder: Path, result: dict[str, Any]) -> None:
    """Write `result.json` into the run directory `folder`, whole or not at all."""
    write_atomically(folder / RESULT, (json.dumps(result, indent=2, allow_nan=False) + "\n").encode())


def write_completed(folder: Path, result: Result) -> None:
    """Write the result of a run that is done."""
    write(folder, asdict(result))


def write_failed(folder: Path, overrides: Sequence[str], error: BaseException) -> None:
    """Write why a job of a sweep failed, for the sweep's table."""
    reason = str(error) if isinstance(error, ValueError | ArithmeticError) else f"{type(error).__name__}: {error}"
    write(folder, {"status": "failed", "overrides": list(overrides), "error": reason, "schema_version": SCHEMA_VERSION})
