"""The results of runs as a table of pandas."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from prunesweep.config import RunConfig
from prunesweep.errors import UsageError, printable
from prunesweep.report.compute.gather import gather
from prunesweep.report.compute.settings import given_settings, value_as_typed
from prunesweep.results.run_directory import RunDirectory, Value
from prunesweep.results.tables import MAX_COLUMNS, flat
from prunesweep.roles import Role, role_of

LEFT_OUT = ("status", "overrides", "rounds", "normalization", "schema_version")
"""Fields of a result that are not columns: the same for all completed runs, or without a single value."""


def load(*directories: str | Path) -> pd.DataFrame:
    """Return the completed runs of sweeps as a table with one row for each run.

    The columns are, in this order:

    - each setting that was given for the runs and differs between them, under its name on the command line:
      `prune.amount`, `model`, `seed`;
    - the fields of `result.json` (`docs/concepts.md`), nested ones under dotted names: `params_nonzero`,
      `final.test_accuracy`, `layers.fc1.sparsity`. Rounds, epochs and the confusion matrix are left out;
    - `directory`, the run directory, for `network` and `masks`.

    Accuracies are fractions. A run that failed or did not finish has no row; a warning contains the number of such runs
    and the first reason.

    Args:
        directories: Directories of sweeps or of single runs.

    Raises:
        UsageError: A directory does not contain a run.

    Example:
        >>> import prunesweep
        >>> short = ["model=lenet_300_100", "train.epochs=1", "finetune.epochs=1"]
        >>> for amount in (0.5, 0.9):
        ...     result = prunesweep.run(f"prune.amount={amount}", *short, dir=f"outputs/{amount}")
        >>> runs = prunesweep.load("outputs/0.5", "outputs/0.9")
        >>> runs[["prune.amount", "sparsity", "params_nonzero", "directory"]]
           prune.amount  sparsity  params_nonzero    directory
        0           0.5       0.5          133510  outputs/0.5
        1           0.9       0.9           27030  outputs/0.9
    """
    folders = list(dict.fromkeys(map(Path, directories)))
    if not folders:
        raise UsageError("load() needs the directory of a sweep, such as multirun/2026-11-24/12-00-00.")
    found = {folder: gather([folder]) for folder in folders}
    for folder, runs in found.items():
        if not runs.all:
            raise UsageError(f"{folder}: does not contain a run. Give the directory of a sweep or of a run.")
    failed = [run for runs in found.values() for run in runs.failed]
    if failed:
        first = failed[0]
        warnings.warn(
            f"{len(failed)} runs without a result are left out. The first is {printable(first.folder)} "
            f"({first.status}: {printable(first.error)}).",
            stacklevel=2,
        )
    return table([run for runs in found.values() for run in runs.completed])


def table(runs: Sequence[RunDirectory]) -> pd.DataFrame:
    """Return the table of completed runs."""
    swept = swept_settings(runs)
    rows = [
        {**{key: values[number] for key, values in swept.items()}, **figures(run, swept), "directory": str(run.folder)}
        for number, run in enumerate(runs)
    ]
    columns = list(dict.fromkeys(key for row in rows for key in row if key != "directory"))
    return pd.DataFrame(rows, columns=[*columns[:MAX_COLUMNS], "directory"])


def figures(run: RunDirectory, swept: Mapping[str, object]) -> dict[str, Any]:
    """Return the single values of a result that are not in `swept`, nested ones under dotted names."""
    fields = flat({key: value for key, value in run.result.items() if key not in LEFT_OUT})
    return {key: value for key, value in fields.items() if key not in swept}


def swept_settings(runs: Sequence[RunDirectory]) -> dict[str, list[Value]]:
    """Return the given settings in which `runs` differ, each with its value for each run.

    Settings that cannot change a result, such as the directory of the store, are left out.
    """
    given = [given_settings(run) for run in runs]
    keys = dict.fromkeys(key for each in given for key in each if role_of(RunConfig, key) is not Role.NOTHING)
    columns = {key: [value_as_typed(key, run, each) for run, each in zip(runs, given, strict=True)] for key in keys}
    return {key: values for key, values in columns.items() if len(set(values)) > 1}
