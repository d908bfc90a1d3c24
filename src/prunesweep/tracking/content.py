"""The content that is recorded about a completed run, independent of the tracker."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from prunesweep.results.flatten import leaves
from prunesweep.results.result import PROVENANCE, RESULT, WEIGHTS
from prunesweep.results.run_directory import CONFIG, RunDirectory, Settings, Value

ARTIFACTS = (CONFIG, RESULT, PROVENANCE, WEIGHTS)
LISTS = ("history", "layers", "rounds")
"""Fields of a result with one entry per epoch, layer or round. They are not scalar metrics."""
POSITION = ("step", "epoch")
"""Fields of a history entry that locate the epoch."""
REFERENCE = re.compile(r"\$\{([\w.]+)\}")
"""`${train.batch_size}`: the value of another setting. Hydra saves settings without replacing references."""


def run_name(run: RunDirectory, sweep: Path | None) -> str:
    """Return the path of `run` below its sweep, or the last two parts of its directory: date and time."""
    return run.folder.relative_to(sweep).as_posix() if sweep else "/".join(run.folder.parts[-2:])


def curves(run: RunDirectory) -> Iterator[tuple[str, int, float]]:
    """Yield name, epoch and value of each number of each epoch, such as `("epoch/val_accuracy", 1, 0.97)`.

    Epochs count from 1 over the whole run: dense training first, then each later phase. Epochs that the run took from
    the store are included.
    """
    for number, entry in enumerate(run.result["history"], 1):
        yield from (
            (f"epoch/{key}", number, float(value))
            for key, value in entry.items()
            if key not in POSITION and _is_number(value)
        )


def metrics(run: RunDirectory) -> dict[str, float]:
    """Return the scalar numbers of the result under names such as `final/test_accuracy`."""
    scalars = {name: value for name, value in run.result.items() if name not in LISTS}
    return {name.replace(".", "/"): float(value) for name, value in leaves(scalars) if _is_number(value)}


def settings(run: RunDirectory) -> dict[str, str]:
    """Return the settings of the run as text under dotted keys. A reference is replaced by the value it refers to."""
    return {key: str(_resolved(value, run.settings)) for key, value in run.settings.items()}


def artifacts(run: RunDirectory) -> list[Path]:
    """Return the existing files of the run: config, result, provenance and weights."""
    return [path for name in ARTIFACTS if (path := run.folder / name).is_file()]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _resolved(value: Value, settings: Settings) -> Value:
    reference = REFERENCE.fullmatch(value) if isinstance(value, str) else None
    return _resolved(settings.get(reference[1]), settings) if reference else value
