"""Write the files of a report: `results.csv`, `frontier.csv`, `frontier.png`, `.pdf` and `.svg`, and `report.html`."""

from __future__ import annotations

from pathlib import Path

from prunesweep.files import write_atomically
from prunesweep.report.compute.gather import Runs
from prunesweep.report.compute.values import compute
from prunesweep.report.render.figure import figure
from prunesweep.report.render.page import page
from prunesweep.report.render.tables import frontier_table
from prunesweep.results.tables import TABLE, table

FRONTIER, PAGE = "frontier.csv", "report.html"
PICTURES = {"png": "frontier.png", "pdf": "frontier.pdf", "svg": "frontier.svg"}


def write_report(runs: Runs, folder: Path) -> list[Path]:
    """Write the report on `runs` into `folder` and return the paths of its files.

    `results.csv` is written first, because it needs no computation that could fail.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / TABLE, table(runs.all).encode())
    values = compute(runs)
    write_atomically(folder / FRONTIER, frontier_table(values).encode())
    for form, content in figure(values).items():
        write_atomically(folder / PICTURES[form], content)
    write_atomically(folder / PAGE, page(values, folder).encode())
    return [folder / name for name in (TABLE, FRONTIER, *PICTURES.values(), PAGE)]
