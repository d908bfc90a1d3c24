"""Write the files of a report: tables, pictures and a page."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from prunesweep.files import write_atomically
from prunesweep.report.compute.gather import Runs
from prunesweep.report.compute.settings import swept
from prunesweep.report.compute.values import Values, compute
from prunesweep.report.render.figure import figure
from prunesweep.report.render.page import page, prepare_page
from prunesweep.report.render.tables import frontier_table
from prunesweep.results.tables import FAILED, ROUNDS, TABLE, failed_table, rounds_table, table

FRONTIER, PAGE = "frontier.csv", "report.html"
PICTURES = {"png": "frontier.png", "pdf": "frontier.pdf", "svg": "frontier.svg"}


def prepare() -> None:
    """Import and pack what every report needs. A sweep does this while it waits for its workers."""
    prepare_page()
    for form in PICTURES:
        if form != "png":  # drawn by the library that is imported with the figure
            import_module(f"matplotlib.backends.backend_{form}")


def write_report(runs: Runs, folder: Path) -> tuple[Values, list[Path]]:
    """Write the report on `runs` into `folder`. Return its values and the paths of its files.

    `results.csv` is written first, because it needs no computation that could fail.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = _write_tables(runs, folder)
    values = compute(runs)
    for name, content in (
        (FRONTIER, frontier_table(values).encode()),
        *((PICTURES[form], content) for form, content in figure(values).items()),
        (PAGE, page(values, folder).encode()),
    ):
        write_atomically(folder / name, content)
        paths.append(folder / name)
    return values, paths


def _write_tables(runs: Runs, folder: Path) -> list[Path]:
    """Write the tables of runs. Those of rounds and of failed runs exist only if there are any."""
    settings = swept(runs.completed)
    contents = {TABLE: table(runs.completed, settings)}
    if any(run.result["rounds"] for run in runs.completed):
        contents[ROUNDS] = rounds_table(runs.completed, settings)
    if runs.failed:
        contents[FAILED] = failed_table(runs.failed)
    for name in (ROUNDS, FAILED):
        if name not in contents:
            (folder / name).unlink(missing_ok=True)  # of an earlier report
    for name, text in contents.items():
        write_atomically(folder / name, text.encode())
    return [folder / name for name in contents]
