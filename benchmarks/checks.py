"""What the checks of files from unknown sources cost in a stored run. Target: at most 1 % each.

    python benchmarks/checks.py --runs 100

A stored run is a further job of a sweep: its config is composed, and all of its steps are in the store. The checks are
wrapped, and their time within the same run is added up: limits of reading (type and size of the file,
links), limits of JSON (depth, counts, numbers), and the form of what was read. Reading, parsing and checksums are not
counted, because a run without checks needs them as well. Wrapping makes the checks look slower than they are.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from commands import ROOT
from hydra import compose, initialize_config_dir

from prunesweep import config, files
from prunesweep.chain.observations import Count, Evaluate
from prunesweep.experiment import run as experiment
from prunesweep.results.result import Result
from prunesweep.store import entries

CHECKS: tuple[tuple[Any, str, Callable[..., Any] | None], ...] = (
    (files, "_check_regular", None),
    (files, "refuse_links", None),
    (entries, "parse_json", json.loads),
    (Evaluate, "fits", None),
    (Count, "fits", None),
)
"""The owner and the name of each check, and what a run without checks would call instead, which is not counted."""


def main() -> None:
    """Repeat a stored run and print the share of the checks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    runs = parser.parse_args().runs
    config.register()
    spent: defaultdict[str, float] = defaultdict(float)
    calls: defaultdict[str, int] = defaultdict(int)
    totals = []
    with tempfile.TemporaryDirectory() as temporary, initialize_config_dir(str(ROOT / "conf")):

        def run() -> Result:
            settings = config.build(compose("config", [f"store.dir={temporary}/store", "threads=1"]))
            return experiment.run(settings, Path(temporary, "run"))

        run()
        for owner, name, plain in CHECKS:
            wrap(owner, name, plain, spent, calls)
        for _ in range(runs):
            started = time.perf_counter()
            result = run()
            totals.append(time.perf_counter() - started)
            assert result.steps_cached == result.steps_total
    each = statistics.median(totals)
    print(f"a stored run: median {1e3 * each:.2f} ms over {runs} runs ({result.steps_total} steps)")
    for name, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        share = seconds / runs / each
        print(f"{name}: {calls[name] / runs:.0f} calls, {1e6 * seconds / runs:.0f} us a run, {share:.2%}")
    print(f"all checks: {sum(spent.values()) / runs / each:.2%} (target: at most 1 % each)")


def wrap(
    owner: Any, name: str, plain: Callable[..., Any] | None, spent: dict[str, float], calls: dict[str, int]
) -> None:
    """Add the time of each call of `owner.name` to `spent`, less that of `plain` with the same arguments."""
    original: Callable[..., Any] = getattr(owner, name)
    label = f"{getattr(owner, '__name__', owner).rpartition('.')[2]}.{name}"

    @functools.wraps(original)
    def timed(*given: Any, **named: Any) -> Any:
        started = time.perf_counter()
        try:
            return original(*given, **named)
        finally:
            ended = time.perf_counter()
            spent[label] += ended - started
            calls[label] += 1
            if plain is not None:
                plain(*given, **named)
                spent[label] -= time.perf_counter() - ended

    setattr(owner, name, timed)


if __name__ == "__main__":
    main()
