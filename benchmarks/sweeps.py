"""What the accuracy benchmarks share: a sweep as a user runs it, and a spread over seeds as a table shows it."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parent.parent
SEEDS = "seed=0,1,2"

Result = dict[str, Any]
Key = TypeVar("Key")


def sweep(*overrides: str) -> list[Result]:
    """The results of `python run.py -m overrides`, in the order of its runs."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "run.py"), "-m", *overrides, f"hydra.sweep.dir={folder}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        paths = sorted(Path(folder).glob("*/result.json"), key=lambda path: int(path.parent.name))
        return [json.loads(path.read_text()) for path in paths]


def grouped(results: Iterable[Result], key: Callable[[Result], Key]) -> dict[Key, list[Result]]:
    """The results by `key`, in the order in which the keys come up."""
    groups: dict[Key, list[Result]] = defaultdict(list)
    for result in results:
        groups[key(result)].append(result)
    return dict(groups)


def accuracy(results: Iterable[Result], point: str) -> str:
    """Mean and standard deviation over `results` of the test accuracy at `point`, in percent."""
    return spread([100 * result[point]["test_accuracy"] for result in results])


def spread(values: list[float], digits: int = 2) -> str:
    """Mean and standard deviation; the one value where all are the same."""
    if len(set(values)) == 1:
        return f"{values[0]:,.{digits}f}"
    return f"{statistics.mean(values):,.{digits}f} ± {statistics.stdev(values):.{digits}f}"
