"""Write the files of a report: `results.csv`, `frontier.csv`, `frontier.png` and `report.html`."""

from __future__ import annotations

from pathlib import Path

from prunesweep.files import write_atomically
from prunesweep.report.compute.gather import Runs
from prunesweep.report.compute.values import compute
from prunesweep.report.render.figure import figure
from prunesweep.report.render.page import page
from prunesweep.report.render.tables import frontier_table
from prunesweep.results.tables import TABLE, table

FRONTIER, PICTURE, PAGE = "frontier.csv", "frontier.png", "report.html"


def write_report(runs: Runs, folder: Path) -> list[Path]:
    """Write the report on `runs` into `folder` and return the paths of its files.

    `results.csv` is written first, because it needs no computation that could fail.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / TABLE, table(runs.all).encode())
    values = compute(runs)
    write_atomically(folder / FRONTIER, frontier_table(values).encode())
    write_atomically(folder / PICTURE, figure(values))
    write_atomically(folder / PAGE, page(values, folder).encode())
    return [folder / name for name in (TABLE, FRONTIER, PICTURE, PAGE)]
