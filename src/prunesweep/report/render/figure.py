"""`frontier.png`: test accuracy against parameters left, one panel a data set, to be read at a column's width."""

from __future__ import annotations

import io
import logging
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedFormatter,
    FixedLocator,
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullLocator,
)

from prunesweep.report.compute.groups import Experiment
from prunesweep.report.compute.values import Task, Values

WIDTH = 3.4  # inches: a column of a two-column paper
ACCURACIES = (99.9, 99.8, 99.7, 99.5, 99, 98, 97, 95, 90, 80, 50, 0)
FINELY = (
    99.9,
    99.85,
    99.8,
    99.7,
    99.6,
    99.5,
    99.4,
    99.3,
    99.2,
    99,
    98.8,
    98.5,
    98,
    97.5,
    97,
    96,
    95,
    94,
    92,
    90,
    80,
    70,
    0,
)
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
}
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8c6bb1", "#999999")
MARKERS = "osD^v*hP"


def figure(values: Values) -> bytes:
    """The picture as PNG, 300 dots an inch."""
    logging.getLogger("matplotlib.font_manager").setLevel(logging.WARNING)  # the first time it tells of its cache
    with mpl.rc_context(STYLE):
        count = max(1, len(values.tasks))
        drawn = Figure(figsize=(WIDTH * count, 2.6), dpi=300, layout="constrained")
        FigureCanvasAgg(drawn)  # no window system, whatever the user's settings say
        for task, axes in zip(values.tasks, drawn.subplots(1, count, squeeze=False)[0], strict=False):
            _panel(axes, task, values, named=count > 1)
        content = io.BytesIO()
        drawn.savefig(content, format="png", metadata={"Software": "prunesweep"})
    return content.getvalue()


def _panel(axes: Axes, task: Task, values: Values, *, named: bool) -> None:
    counted = task.test or 10_000
    floor = 50 / counted  # half an image: what a network without errors is drawn at
    own = [found for found in values.experiments if values.runs.done[found.runs[0]].fields["dataset"] == task.dataset]
    key, groups = _groups(task, values, own)
    for number, (value, members) in enumerate(groups):
        colour = COLOURS[number] if key else "#8a8f94"
        points = [values.runs.done[run].fields for found in members for run in found.runs]
        _cloud(axes, points, floor, color=colour, marker=MARKERS[number], label="runs" if not key else f"{value}")
    frontier = task.frontiers["params_nonzero"]
    lines = frontier.of_value.get(key, {}) if key else {"": frontier.members}
    for number, (value, _) in enumerate(groups):
        members = [values.experiments[index] for index in lines.get(value, [])]
        _line(axes, members, floor, color=COLOURS[number], label=None if key else _told(members))
    for dense in task.dense:
        height = _error(dense.test.mean, floor)
        axes.axhline(height, color="black", linewidth=0.7, linestyle=(0, (4, 3)))
        label = "dense" if len(task.dense) == 1 else f"dense {dense.model}"
        where: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "xytext": (2, 2), "textcoords": "offset points"}
        axes.annotate(label, (0, height), fontsize=6.5, **where)
    _scales(axes, task)
    if named:
        axes.set_xlabel(f"{axes.get_xlabel()}, {task.dataset}")
    title = f"{key}; points: runs, lines: frontiers{_bars(values)}" if key else None
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.2, "columnspacing": 1.2}
    legend = axes.legend(ncols=3, handletextpad=0.3, title=title, title_fontsize=6.5, alignment="left", **place)
    for handle in filter(None, legend.legend_handles):
        handle.set_alpha(1)


def _groups(task: Task, values: Values, own: list[Experiment]) -> tuple[str, list[tuple[str, list[Experiment]]]]:
    """The first setting of few values, which are texts, and the experiments of each; else all experiments as one."""
    for key, parts in task.frontiers["params_nonzero"].of_value.items():
        told = [values.runs.done[found.runs[0]].settings.get(key) for found in own]
        if all(isinstance(value, str) for value in told):
            return key, [(v, [f for f, value in zip(own, told, strict=True) if value == v]) for v in sorted(parts)]
    return "", [("", own)]


def _bars(values: Values) -> str:
    return ", mean ± s.d." if any(len(found.runs) > 1 for found in values.experiments) else ""


def _told(members: list[Experiment]) -> str:
    seeds = sorted({len(found.runs) for found in members})
    count = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    return "frontier, one seed" if seeds == [1] else f"frontier, mean ± s.d. of {count} seeds"


def _error(accuracy: float, floor: float) -> float:
    return max(100 * (1 - accuracy), floor)


def _cloud(axes: Axes, points: list[dict[str, Any]], floor: float, **style: Any) -> None:
    left = [max(1, fields["params_nonzero"]) for fields in points]
    errors = [_error(fields["final"]["test_accuracy"], floor) for fields in points]
    axes.scatter(left, errors, s=7, alpha=0.45 if len(points) < 2_000 else 0.15, linewidths=0, **style)


def _line(axes: Axes, members: list[Experiment], floor: float, **style: Any) -> None:
    left = [max(1, found.costs["params_nonzero"] or 0) for found in members]
    errors = [_error(found.test.mean, floor) for found in members]
    above = [100 * (found.test.sd or 0) for found in members]
    below = [min(sd, 0.9 * error) for sd, error in zip(above, errors, strict=True)]  # a log axis has no zero
    bars = [below, above] if any(above) else None
    axes.errorbar(
        left, errors, yerr=bars, linewidth=1.1, elinewidth=0.7, capsize=1.5, marker=".", markersize=4, **style
    )


def accuracy_ticks(low: float, high: float) -> list[float]:
    """Round accuracies between the errors `low` and `high`, all in percent: at least two, however close these are."""
    ticks = [value for value in (FINELY if high < 8 * low else ACCURACIES) if low <= 100 - value <= high * 1.001]
    if len(ticks) > 2:
        return ticks
    even = MaxNLocator(5, steps=[1, 2, 5, 10], min_n_ticks=2).tick_values(100 - high, 100 - low)
    return [float(value) for value in even if low <= 100 - value <= high * 1.001]


def _scales(axes: Axes, task: Task) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.invert_yaxis()
    low, high = sorted(axes.get_ylim())
    ticks = accuracy_ticks(low, high)
    axes.yaxis.set_major_locator(FixedLocator([100 - value for value in ticks]))
    axes.yaxis.set_major_formatter(FixedFormatter([f"{value:g}" for value in ticks]))
    axes.yaxis.set_minor_locator(NullLocator())
    near, far = axes.get_xlim()
    axes.xaxis.set_major_locator(
        LogLocator(subs=(1, 2, 5) if far / near < 200 else (1, 3) if far / near < 5_000 else (1,))
    )
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda count, _: f"{count / 1_000:g}k" if count >= 1_000 else f"{count:g}")
    )
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(linewidth=0.3, color="#d8dce0")
    axes.set_axisbelow(True)
    total = " or ".join(f"{count:,}" for count in sorted({dense.params for dense in task.dense}))
    axes.set_xlabel(f"Parameters left of {total}" if len(total) < 24 else "Parameters left")
    axes.set_ylabel(
        f"Test accuracy, % of {task.test:,} images\n(error on a log scale)" if task.test else "Test accuracy, %"
    )
