"""The files of a report: `results.csv`, `frontier.csv`, `frontier.png` and `report.html`."""

from __future__ import annotations

from pathlib import Path

from prunesweep.report.figure import figure
from prunesweep.report.gather import Runs
from prunesweep.report.page import page
from prunesweep.report.tables import frontier_table
from prunesweep.report.values import compute
from prunesweep.results import TABLE, table
from prunesweep.store import write_atomically

FRONTIER, PICTURE, PAGE = "frontier.csv", "frontier.png", "report.html"


def write_report(runs: Runs, folder: Path) -> list[Path]:
    """Write the files on `runs` into `folder`; their paths. The table comes first, as it needs nothing but the runs."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / TABLE, table(runs.jobs).encode())
    values = compute(runs)
    write_atomically(folder / FRONTIER, frontier_table(values).encode())
    write_atomically(folder / PICTURE, figure(values))
    write_atomically(folder / PAGE, page(values, folder).encode())
    return [folder / name for name in (TABLE, FRONTIER, PICTURE, PAGE)]
