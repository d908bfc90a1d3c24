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
    """Write the files on `runs` into `folder`; their paths."""
    values = compute(runs)
    contents = {
        TABLE: table(runs.jobs).encode(),
        FRONTIER: frontier_table(values).encode(),
        PICTURE: figure(values),
        PAGE: page(values, folder).encode(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        write_atomically(folder / name, content)
    return [folder / name for name in contents]
