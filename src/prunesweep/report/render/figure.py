"""`frontier.png`, `.pdf` and `.svg`: the main chart of the page, one panel per data set, for one column of a paper."""

from __future__ import annotations

import io
import logging
import warnings
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from prunesweep.report.compute.values import Task, Values
from prunesweep.report.render.figure_panel import label_ends, panel

WIDTH, HEIGHT = 3.4, 2.9  # inches: one column of a two-column paper
STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.labelsize": 8,
    "legend.fontsize": 6.5,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "svg.hashsalt": "prunesweep",  # names of elements, which are random otherwise
    "text.usetex": False,
    "text.parse_math": False,  # names come from files, and "$" in them has no meaning
}
METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": "prunesweep"},
    "pdf": {"Creator": "prunesweep", "CreationDate": None},
    "svg": {"Creator": "prunesweep", "Date": None},
}
"""Formats, and what their files say about themselves: no date, so that the same results give the same files."""
MAX_PANELS = 12
"""How many data sets get a panel: those with the most experiments."""


def figure(values: Values) -> dict[str, bytes]:
    """Return the picture as the content of a file of each format: `png` (with 300 dots per inch), `pdf` and `svg`."""
    logging.getLogger("matplotlib.font_manager").setLevel(logging.WARNING)  # it reports when it builds its cache
    tasks = _tasks(values)
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)  # a name in a script without a font
        count = max(1, len(tasks))
        drawing = Figure(figsize=(WIDTH * count, HEIGHT), dpi=300, layout="constrained")
        FigureCanvasAgg(drawing)  # needs no window system, independent of the configuration of matplotlib
        axes = drawing.subplots(1, count, squeeze=False)[0]
        panels = [panel(each, task, values, named=count > 1) for task, each in zip(tasks, axes, strict=False)]
        drawing.draw_without_rendering()  # labels are placed in pixels, which are known after the layout
        for each in panels:
            label_ends(each)
        return {form: _saved(drawing, form) for form in METADATA}


def _tasks(values: Values) -> list[Task]:
    """Return the data sets with a panel, in their order."""

    def experiments(task: Task) -> int:
        return len(task.verdict.evidence)

    return sorted(sorted(values.tasks, key=experiments, reverse=True)[:MAX_PANELS], key=values.tasks.index)


def _saved(drawing: Figure, form: str) -> bytes:
    content = io.BytesIO()
    drawing.savefig(content, format=form, metadata=METADATA[form])
    return content.getvalue()
