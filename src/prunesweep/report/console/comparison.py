"""A comparison of methods on the terminal and in files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from prunesweep.files import write_atomically
from prunesweep.report.compute.comparison import Comparison
from prunesweep.report.console.text import console, plain
from prunesweep.report.render.comparison import FORMATS, TEXTS, TextTable, heading, notes, summary, tables

WIDE = 110
"""The width from which the table shows the accuracies of both methods."""


def show_comparison(comparison: Comparison) -> None:
    """Print the tables, the notes, and last the verdict for each pair of methods."""
    out = console()
    out.print(plain(heading(comparison)))
    for table in tables(comparison, narrow=out.width < WIDE):
        _show_table(out, table)
    for note in notes(comparison):
        out.print(plain(note), style="dim")
    out.print()
    for sentence in summary(comparison):
        out.print(plain(sentence))


def _show_table(out: Console, content: TextTable) -> None:
    table = Table(title=plain(content.title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=0)
    for column in content.columns:
        is_name = column in TEXTS[:-1]
        table.add_column(plain(column), justify="left" if column in TEXTS else "right", no_wrap=not is_name)
    for number, row in enumerate(content.rows, start=1):
        table.add_row(*map(plain, row), end_section=number in content.sections)
    out.print(table)


def write_comparison(comparison: Comparison, paths: Sequence[Path]) -> None:
    """Write the comparison to files. The end of each name says in which format."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, FORMATS[path.suffix](comparison).encode())
        console().print(plain(path), soft_wrap=True)
