"""Run a sweep as a user does, and format the spread of its results over seeds. Used by the accuracy benchmarks."""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from commands import run_py

SEEDS = "seed=0,1,2"

Result = dict[str, Any]
Key = TypeVar("Key")


def sweep(*overrides: str) -> list[Result]:
    """Return the results of `python run.py -m overrides` in the order of the runs, each distinct run once."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(run_py("-m", *overrides, f"hydra.sweep.dir={folder}"), check=True, stdout=subprocess.DEVNULL)
        paths = sorted(Path(folder).glob("*/result.json"), key=lambda path: int(path.parent.name))
        results = [json.loads(path.read_text()) for path in paths]
    return list({result["digest"]: result for result in results}.values())


def grouped(results: Iterable[Result], key: Callable[[Result], Key]) -> dict[Key, list[Result]]:
    """Return the results by `key`, in the order in which the keys first occur."""
    groups: dict[Key, list[Result]] = defaultdict(list)
    for result in results:
        groups[key(result)].append(result)
    return dict(groups)


def accuracy(results: Iterable[Result], point: str) -> str:
    """Return the mean and the standard deviation of the test accuracy at `point` over `results`, in percent."""
    return spread([100 * result[point]["test_accuracy"] for result in results])


def spread(values: list[float], digits: int = 2) -> str:
    """Return the mean and the standard deviation; only the value if all are equal."""
    if len(set(values)) == 1:
        return f"{values[0]:,.{digits}f}"
    return f"{statistics.mean(values):,.{digits}f} ± {statistics.stdev(values):.{digits}f}"
