"""The measurements of runs as tables on the terminal and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from prunesweep.bench.machine import machine
from prunesweep.bench.measure import THREADS, Measurement
from prunesweep.bench.timing import Times
from prunesweep.bench.variants import SPARSE_C
from prunesweep.files import write_atomically
from prunesweep.report.console.text import console, plain, say
from prunesweep.results.run_directory import RunDirectory

LEGEND = (
    f"Median and quartiles over rounds, {THREADS} thread. relative: the median relative to {SPARSE_C}. dense: the "
    "network without pruning; its weights are new, which does not change its latency."
)


def show(measurements: Sequence[Measurement], rounds: int) -> None:
    """Print the tables of each run, and what they were measured with."""
    out = console()
    for each in measurements:
        say(heading(each.run))
        for images, times in each.times.items():
            if times:
                out.print(_latencies(images, times))
        out.print(_sizes(each))
        for note in each.notes:
            say(f"note: {note}")
    say(f"{LEGEND} {rounds} rounds; {', '.join(f'{key} {value}' for key, value in machine().items())}.")


def heading(run: RunDirectory) -> str:
    """Return one line about `run`: its network and its compression."""
    result = run.result
    total, left = result["params_total"], result["params_nonzero"]
    return f"{run.folder}: {result['model']}, {left:,} of {total:,} parameters ({total / left:.1f}x)"


def _latencies(images: int, times: Mapping[str, Times]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(f"{images} image{'s' * (images > 1)}", min_width=20, no_wrap=True)
    for name in ("median", "quartiles", "relative"):
        table.add_column(name, justify="right", no_wrap=True)
    base = times.get(SPARSE_C)
    for name, each in times.items():
        spread = f"{microseconds(each.low)} - {microseconds(each.high)}"
        relative = f"{each.median / base.median:.2f}" if base else ""
        table.add_row(*map(plain, (name, microseconds(each.median), spread, relative)))
    return table


def microseconds(value: float) -> str:
    """Format a time: 12.34 becomes `12.3 µs`, and 12345 becomes `12,345 µs`."""
    return f"{value:,.{1 if value < 100 else 0}f} µs"


def _sizes(measurement: Measurement) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("exported file", min_width=20, no_wrap=True)
    for name in ("bytes", "with gzip -9"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, size in measurement.sizes.items():
        table.add_row(*map(plain, (name, f"{size.plain:,}", f"{size.gzipped:,}")))
    return table


def write_json(path: Path, measurements: Sequence[Measurement], rounds: int) -> None:
    """Write the measurements to the file `path`."""
    content = {
        "machine": machine(),
        "threads": THREADS,
        "rounds": rounds,
        "runs": [_values(each) for each in measurements],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())
    say(str(path))


def _values(measurement: Measurement) -> dict[str, Any]:
    result = measurement.run.result
    return {
        "run": str(measurement.run.folder),
        **{key: result[key] for key in ("digest", "model", "params_total", "params_nonzero")},
        "latencies_us": [
            {"images": images, "variant": name, **asdict(times)}
            for images, by_name in measurement.times.items()
            for name, times in by_name.items()
        ],
        "file_bytes": {name: asdict(size) for name, size in measurement.sizes.items()},
        "notes": list(measurement.notes),
    }
