"""`frontier.png`: test accuracy against parameters left, one panel per data set, for one column of a paper."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedFormatter,
    FixedLocator,
    NullLocator,
)

from prunesweep.errors import printable
from prunesweep.report.compute.frontiers import value_of
from prunesweep.report.compute.groups import Experiment
from prunesweep.report.compute.ticks import error_ticks, log_ticks
from prunesweep.report.compute.values import Task, Values

WIDTH = 3.4  # inches: one column of a two-column paper
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
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8c6bb1", "#999999")
MARKERS = "osD^v*hP"
METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": "prunesweep"},
    "pdf": {"Creator": "prunesweep", "CreationDate": None},
    "svg": {"Creator": "prunesweep", "Date": None},
}
"""Formats, and what their files say about themselves: no date, so that the same results give the same files."""
MAX_TICKS = 7
MAX_PANELS = 12
"""How many data sets get a panel: those with the most experiments."""
MAX_LABEL = 40
"""The largest number of characters of a name in the picture. Longer names are cut."""


def figure(values: Values) -> dict[str, bytes]:
    """Return the picture as the content of a file of each format: `png` (with 300 dots per inch), `pdf` and `svg`."""
    logging.getLogger("matplotlib.font_manager").setLevel(logging.WARNING)  # it reports when it builds its cache
    largest = sorted(values.tasks, key=lambda task: -len(_experiments(task, values)))[:MAX_PANELS]
    tasks = sorted(largest, key=values.tasks.index)
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)  # a name in a script without a font
        count = max(1, len(tasks))
        drawing = Figure(figsize=(WIDTH * count, 2.6), dpi=300, layout="constrained")
        FigureCanvasAgg(drawing)  # needs no window system, independent of the configuration of matplotlib
        panels = drawing.subplots(1, count, squeeze=False)[0]
        for task, axes in zip(tasks, panels, strict=False):
            _panel(axes, task, values)
            if count > 1:
                axes.set_xlabel(f"{axes.get_xlabel()}, {_name(task.dataset)}")
        return {form: _saved(drawing, form) for form in METADATA}


def _saved(drawing: Figure, form: str) -> bytes:
    content = io.BytesIO()
    drawing.savefig(content, format=form, metadata=METADATA[form])
    return content.getvalue()


def fitting(levels: Sequence[Sequence[float]]) -> list[float]:
    """Return the longest of the lists that has at most `MAX_TICKS` ticks."""
    allowed = [list(level) for level in levels if len(level) <= MAX_TICKS]
    return max(allowed, key=lambda level: len(level), default=[])


def _panel(axes: Axes, task: Task, values: Values) -> None:
    floor = 50 / (task.test or 10_000)  # half an image: where a network without errors is drawn
    key, groups = _groups(task, values)
    frontier = task.frontiers["params_nonzero"]
    lines: dict[Any, list[int]] = dict(frontier.of_value[key]) if key else {"": frontier.members}
    for number, (value, experiments) in enumerate(groups):
        results = [values.runs.completed[run].result for one in experiments for run in one.runs]
        color = COLORS[number] if key else "#8a8f94"
        _points(axes, results, floor, color=color, marker=MARKERS[number], label=_name(value) if key else "runs")
        members = [values.experiments[index] for index in lines.get(value, [])]
        _line(axes, members, floor, color=COLORS[number], label=None if key else _line_label(members))
    _dense_lines(axes, task, floor)
    _scales(axes, task)
    _legend(axes, f"{_name(key)}; points: runs, lines: frontiers{_bars_label(values)}" if key else None)


def _groups(task: Task, values: Values) -> tuple[str, list[tuple[str, list[Experiment]]]]:
    """Return the setting to color by and the experiments for each of its values.

    It is the first setting with a few values that are all texts. Without one, all experiments form a single group.
    """
    runs, members = values.runs.completed, _experiments(task, values)
    for key in task.frontiers["params_nonzero"].of_value:
        texts = [value_of(key, runs, one) for one in members]
        if all(isinstance(value, str) for value in texts):
            pairs = list(zip(members, texts, strict=True))
            parts = sorted({value for value in texts if isinstance(value, str)})
            return key, [(part, [one for one, value in pairs if value == part]) for part in parts]
    return "", [("", members)]


def _experiments(task: Task, values: Values) -> list[Experiment]:
    runs = values.runs.completed
    return [one for one in values.experiments if runs[one.runs[0]].result["dataset"] == task.dataset]


def _name(text: str) -> str:
    """Return a name from a file as a label. Labels that begin with an underscore would not be shown."""
    text = printable(text).lstrip("_") or "_"
    return text if len(text) <= MAX_LABEL else f"{text[: MAX_LABEL - 1]}…"


def _points(axes: Axes, results: Sequence[dict[str, Any]], floor: float, **style: Any) -> None:
    left = [max(1, result["params_nonzero"]) for result in results]
    errors = [_error(result["final"]["test_accuracy"], floor) for result in results]
    many = len(results) >= 2_000
    axes.scatter(left, errors, s=7, alpha=0.15 if many else 0.45, linewidths=0, rasterized=many, **style)


def _line(axes: Axes, members: Sequence[Experiment], floor: float, **style: Any) -> None:
    left = [max(1, one.costs["params_nonzero"] or 0) for one in members]
    errors = [_error(one.test.mean, floor) for one in members]
    above = [100 * (one.test.sd or 0) for one in members]
    below = [min(sd, 0.9 * error) for sd, error in zip(above, errors, strict=True)]  # a logarithmic axis has no zero
    bars = [below, above] if any(above) else None
    axes.errorbar(
        left, errors, yerr=bars, linewidth=1.1, elinewidth=0.7, capsize=1.5, marker=".", markersize=4, **style
    )


def _error(accuracy: float, floor: float) -> float:
    return max(100 * (1 - accuracy), floor)


def _dense_lines(axes: Axes, task: Task, floor: float) -> None:
    for dense in task.dense:
        height = _error(dense.test.mean, floor)
        axes.axhline(height, color="black", linewidth=0.7, linestyle=(0, (4, 3)))
        label = "dense" if len(task.dense) == 1 else f"dense {_name(dense.model)}"
        place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "xytext": (2, 2), "textcoords": "offset points"}
        axes.annotate(label, (0, height), fontsize=6.5, **place)


def _line_label(members: Sequence[Experiment]) -> str:
    seeds = sorted({one.seeds for one in members})
    count = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    return "frontier, one seed" if seeds == [1] else f"frontier, mean ± s.d. of {count} seeds"


def _bars_label(values: Values) -> str:
    return ", mean ± s.d." if any(one.seeds > 1 for one in values.experiments) else ""


def _legend(axes: Axes, title: str | None) -> None:
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.2, "columnspacing": 1.2}
    legend = axes.legend(ncols=3, handletextpad=0.3, title=title, title_fontsize=6.5, alignment="left", **place)
    for handle in filter(None, legend.legend_handles):
        handle.set_alpha(1)


def _scales(axes: Axes, task: Task) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.invert_yaxis()
    axes.set_ylim(min(axes.get_ylim()[0], 100), axes.get_ylim()[1])
    ticks = fitting(error_ticks(*sorted(axes.get_ylim())))
    axes.yaxis.set_major_locator(FixedLocator([100 - value for value in ticks]))
    axes.yaxis.set_major_formatter(FixedFormatter([f"{value:g}" for value in ticks]))
    axes.yaxis.set_minor_locator(NullLocator())
    counts = fitting(log_ticks(*axes.get_xlim()))
    axes.xaxis.set_major_locator(FixedLocator(counts))
    axes.xaxis.set_major_formatter(FixedFormatter([_short(count) for count in counts]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(linewidth=0.3, color="#d8dce0")
    axes.set_axisbelow(True)
    total = " or ".join(f"{count:,}" for count in sorted({dense.params for dense in task.dense}))
    axes.set_xlabel(f"Parameters left of {total}" if len(total) < 24 else "Parameters left")
    axes.set_ylabel(
        f"Test accuracy, % of {task.test:,} images\n(logarithmic in the error)" if task.test else "Test accuracy, %"
    )


def _short(count: float) -> str:
    return f"{count / 1_000:g}k" if count >= 1_000 else f"{count:g}"
