"""The result of a run: the fields of `result.json`, and how the file is written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prunesweep.files import write_atomically

RESULT = "result.json"
WEIGHTS = "model.safetensors"
PROVENANCE = "provenance.json"
SCALES = "scales"
"""Key in the metadata of the weights of a network that computes with integers: the scales of its activations."""
EXPORTS = Path("export")
"""Folder of exported networks below the run directory."""

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Result:
    """The fields of `result.json` of a completed run. `docs/concepts.md` describes each of them."""

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
    collapsed: str | None
    protected: int
    best_epoch: int | None
    dense: dict[str, float]
    pruned: dict[str, float]
    final: dict[str, float]
    layers: list[dict[str, Any]]
    other_layers: list[dict[str, Any]]
    compact: dict[str, Any] | None
    compact_error: str | None
    rounds: list[dict[str, Any]]
    history: list[dict[str, Any]]
    weights: str | None
    normalization: dict[str, Any]
    classes: list[str]
    examples: dict[str, int]
    class_accuracy: list[float | None]
    confusion: list[list[int]] | None
    seconds: float
    steps_total: int
    steps_cached: int
    quantize: str = "none"
    bits: int | None = None
    unquantized: dict[str, float] | None = None
    file_bytes: int | None = None
    packed_bytes: int | None = None
    latency_us: float | None = None
    schema_version: int = SCHEMA_VERSION


BOOKKEEPING = frozenset({"dataset", "digest", "dense_digest", "overrides", "steps_cached", "schema_version"})
"""Fields of `Result` that identify a run instead of measuring it. `prunesweep reproduce` does not compare them."""

MEASURED = ("file_bytes", "packed_bytes", "latency_us")
"""Fields of `Result` that are None unless the settings ask for them."""

DURATIONS = frozenset(
    {"seconds", "latency_ms", "dense_latency_ms", "latency_ms_256", "dense_latency_ms_256", "latency_us"}
)
"""Names of the fields, at any depth of a result, that hold measured times. They differ between repetitions."""


def classes_of(result: Mapping[str, Any]) -> int:
    """Return the number of classes of a result. Older releases had data sets of ten classes only."""
    return len(result.get("classes", range(10)))


def remove_outputs(folder: Path) -> None:
    """Remove the outputs of an earlier run from its directory, the result first. Other files are not touched."""
    exports = folder / EXPORTS
    exported = () if exports.is_symlink() else exports.glob("model.*")  # a link can lead to files of something else
    for path in (folder / RESULT, folder / PROVENANCE, folder / WEIGHTS, *exported):
        path.unlink(missing_ok=True)


def write(folder: Path, result: dict[str, Any]) -> None:
    """Write `result.json` into the run directory `folder` atomically.

    Raises:
        ValueError: A number is not finite, which JSON cannot represent. Nothing is written.
    """
    write_atomically(folder / RESULT, (json.dumps(result, indent=2, allow_nan=False) + "\n").encode())


def write_completed(folder: Path, result: Result) -> None:
    """Write the result of a completed run into its directory."""
    write(folder, asdict(result))


def write_failed(folder: Path, overrides: Sequence[str], error: BaseException) -> None:
    """Write the status `failed` and the reason into the directory of a run, for the table of its sweep."""
    reason = str(error) if isinstance(error, ValueError | ArithmeticError) else f"{type(error).__name__}: {error}"
    write(folder, {"status": "failed", "overrides": list(overrides), "error": reason, "schema_version": SCHEMA_VERSION})
