"""One panel of `frontier.png`: the main chart of the page for one data set, with the same colors and names."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.textpath import TextPath
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from prunesweep.errors import printable
from prunesweep.report.compute.chart import Chart, chart
from prunesweep.report.compute.colors import Group
from prunesweep.report.compute.costs import AXES, DEFAULT
from prunesweep.report.compute.groups import Experiment, Spread
from prunesweep.report.compute.lines import Stage, stages
from prunesweep.report.compute.spacing import spaced
from prunesweep.report.compute.ticks import error_ticks, fitting, log_ticks
from prunesweep.report.compute.values import Task, Values

COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8c6bb1", "#999999")
ACCENT, FAINT, MARK = "#0b5cad", "#59636e", "#b3261e"
MARKERS = "osD^v*hP"
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)), (0, (9, 2)), (0, (9, 2, 1, 2)))
"""Colors, markers and dashes of the page, in their order."""
SMALL = 6.5
"""The size of labels in points."""
GAPS = 0.13, 0.09
"""The least distance of two ticks, as a part of the horizontal and of the vertical axis."""
MAX_NAME = 150
"""The largest width of a name in the picture in points. Longer names are cut."""
MAX_MODEL = 60
"""The largest width of the name of a dense network, which stands beside the panel."""
MAX_ENDS = 12
"""More lines than this have a legend in place of labels at their ends."""
MAX_ROOM = 0.36
"""The largest part of the width that labels at the ends of lines can take."""
MANY = 2_000
"""More settings than this are drawn without error bars, as one image in the vector formats."""


@dataclass(frozen=True)
class End:
    """The label at the end of a line, and the end in the coordinates of the data."""

    text: str
    shade: str
    x: float
    y: float


@dataclass(frozen=True)
class Panel:
    """A panel that is drawn, apart from the labels at the ends of its lines.

    Attributes:
        axes: The axes.
        ends: The ends of the lines.
        dense: The labels of the dense networks.
    """

    axes: Axes
    ends: list[End]
    dense: list[Annotation]


def panel(axes: Axes, task: Task, values: Values, *, named: bool) -> Panel:
    """Draw the panel of a data set, with its name if `named`. `label_ends` adds labels when the size is known."""
    drawn = chart(task, values.runs.completed, values.experiments)
    floor = 50 / (task.test or 10_000)  # half an image: where a network without errors is drawn
    shades = _shades(drawn)
    _frontier(axes, task, values, drawn, floor)
    ends = _lines(axes, task.axis, drawn, values, shades, floor)
    for number, group in enumerate(_groups(drawn)):
        members = [values.experiments[at] for at in group.experiments]
        label = None if drawn.lines or not drawn.key else name(group.label)
        _points(
            axes, task.axis, members, floor, color=shades[group.experiments[0]], marker=MARKERS[number], label=label
        )
    _stages(axes, task.axis, drawn, values, shades, floor)
    _collapsed(axes, task.axis, [values.experiments[at] for at in drawn.experiments], floor)
    dense = _dense(axes, task, drawn, floor)
    _scales(axes, task, ends, named=named)
    _legend(axes, [values.experiments[at].seeds for at in drawn.experiments])
    return Panel(axes, ends, dense)


def label_ends(panel: Panel) -> None:
    """Write the labels at the ends of the lines, and move those and the labels of the dense networks apart."""
    axes = panel.axes
    for end, moved in zip(panel.ends, _shifts(axes, [end.y for end in panel.ends], lines=1), strict=True):
        leader = {
            "arrowstyle": "-",
            "linewidth": 0.4,
            "color": end.shade,
            "relpos": (1, 0.5),
            "shrinkA": 0,
            "shrinkB": 3,
        }
        axes.annotate(
            end.text,
            (end.x, end.y),
            xytext=(-7, moved),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=SMALL,
            color=end.shade,
            arrowprops=leader if abs(moved) > SMALL / 2 else None,
        ).set_in_layout(False)
    lines = max((label.get_text().count("\n") + 1 for label in panel.dense), default=1)
    heights = [label.xy[1] for label in panel.dense]
    for label, moved in zip(panel.dense, _shifts(axes, heights, lines=lines), strict=True):
        label.set_position((label.get_position()[0], moved))


def _shifts(axes: Axes, heights: Sequence[float], *, lines: int) -> list[float]:
    """Return how far labels of a number of lines move to be apart and beside the axes, in points."""
    pixels = axes.figure.dpi / 72  # pixels per point
    places = [axes.transData.transform((1, height))[1] / pixels for height in heights]
    tall = 1.3 * SMALL * lines
    new = spaced(places, tall, axes.bbox.y0 / pixels + tall / 2, axes.bbox.y1 / pixels - tall / 2)
    return [after - before for before, after in zip(places, new, strict=True)]


def name(text: str, limit: float = MAX_NAME) -> str:
    """Return a name from a file as a label. Labels that begin with an underscore would not be shown."""
    text = printable(text).lstrip("_") or "_"
    fits = bisect_right(range(len(text) + 1), limit, key=lambda length: _width(text[:length])) - 1
    return text if fits == len(text) else f"{text[:fits]}…"


def _groups(drawn: Chart) -> list[Group]:
    return drawn.colors[drawn.key].groups if drawn.key else [Group("", drawn.experiments)]


def _shades(drawn: Chart) -> dict[int, str]:
    """Return the color of each experiment."""
    shade = COLORS if drawn.key else (ACCENT,)
    return {index: shade[number] for number, group in enumerate(_groups(drawn)) for index in group.experiments}


def _x(experiment: Experiment | Stage, axis: str) -> float:
    return max(1.0, experiment.costs[axis] or 0)


def _xs(experiments: Sequence[Experiment | Stage], axis: str) -> list[float]:
    return [_x(one, axis) for one in experiments]


def _error(accuracy: float, floor: float) -> float:
    return max(100 * (1 - accuracy), floor)


# ---- Frontiers and lines


def _frontier(axes: Axes, task: Task, values: Values, drawn: Chart, floor: float) -> None:
    """Draw the frontier: pale behind the lines of a grid, or else one for each color."""
    frontier = task.frontiers[task.axis]
    of_value = dict(enumerate(members for _, members in frontier.of_value.get(drawn.key, [])))
    parts = {} if drawn.lines or len(of_value) != len(_groups(drawn)) else of_value
    style: dict[str, Any] = {"color": FAINT, "linewidth": 3.2, "alpha": 0.35, "solid_capstyle": "round"}
    for number, members in parts.items() or [(None, frontier.members)]:
        settings = [values.experiments[index] for index in members]
        own = style if number is None else {"color": COLORS[number], "linewidth": 1.0}
        label = "frontier, selected by validation" if number is None else None
        axes.plot(_xs(settings, task.axis), [_error(one.test.mean, floor) for one in settings], label=label, **own)


def _lines(axes: Axes, axis: str, drawn: Chart, values: Values, shades: dict[int, str], floor: float) -> list[End]:
    """Draw the lines, and return the labels at their ends; none if they have a legend."""
    texts = [name(each.short) if each.short else "" for each in drawn.names]
    direct = len(texts) <= MAX_ENDS and max((_width(text) for text in texts), default=0) <= MAX_ROOM * WIDE
    ends, used = [], dict.fromkeys(COLORS, 0)
    for line, text in zip(drawn.lines, texts, strict=True):
        own = {shades[index] for index in line.experiments}
        shade = own.pop() if len(own) == 1 else FAINT
        members = [values.experiments[index] for index in line.experiments]
        heights = [_error(one.test.mean, floor) for one in members]
        turn = used.get(shade, 0)
        used[shade] = turn + 1
        label = None if direct or not text else text
        axes.plot(_xs(members, axis), heights, color=shade, linewidth=1.1, linestyle=DASHES[turn % 6], label=label)
        if direct and text:
            ends.append(End(text, shade, *min(zip(_xs(members, axis), heights, strict=True))))
    return ends


WIDE = 205
"""The width of the axes of a panel in points, about."""


def _width(text: str) -> float:
    """Return the width of a label in points."""
    return float(TextPath((0, 0), text, size=SMALL).get_extents().width) if text.strip() else 0.0


# ---- Points


def _points(axes: Axes, axis: str, members: Sequence[Experiment], floor: float, **style: Any) -> None:
    """Draw the mean of each setting, with one standard deviation over its seeds."""
    left, errors = _xs(members, axis), [_error(one.test.mean, floor) for one in members]
    if len(members) > MANY:
        axes.scatter(left, errors, s=5, alpha=0.3, linewidths=0, rasterized=True, **style)
        return
    bars = _bars([one.test for one in members], errors)
    axes.errorbar(left, errors, yerr=bars, linestyle="", elinewidth=0.7, capsize=1.5, markersize=3.2, **style)


def _bars(spreads: Sequence[Spread], errors: Sequence[float]) -> list[list[float]] | None:
    above = [100 * (spread.sd or 0) for spread in spreads]
    below = [min(sd, 0.9 * error) for sd, error in zip(above, errors, strict=True)]  # a logarithmic axis has no zero
    return [below, above] if any(above) else None


def _stages(axes: Axes, axis: str, drawn: Chart, values: Values, shades: dict[int, str], floor: float) -> None:
    """Draw the earlier rounds of iterative and lottery runs, whose weights are not kept, as open circles."""
    for index in drawn.experiments:
        setting = values.experiments[index]
        earlier = [one for one in stages(setting, values.runs.completed) if one.costs[axis]]
        if earlier:
            left = _xs([*earlier, setting], axis)
            accuracies = [*(one.test.mean for one in earlier), setting.test.mean]
            heights = [_error(accuracy, floor) for accuracy in accuracies]
            axes.plot(
                left, heights, color=shades[index], linewidth=0.8, marker="o", markersize=2.6, markerfacecolor="none"
            )


def _collapsed(axes: Axes, axis: str, members: Sequence[Experiment], floor: float) -> None:
    found = [one for one in members if one.collapsed]
    if found:
        axes.scatter(
            _xs(found, axis),
            [_error(one.test.mean, floor) for one in found],
            s=32,
            marker="X",
            color=MARK,
            edgecolors="white",
            linewidths=0.6,
            zorder=5,
            label="collapsed",
        )


def _dense(axes: Axes, task: Task, drawn: Chart, floor: float) -> list[Annotation]:
    """Draw the dense networks with the noise of a single network around each, and return their labels.

    The labels are beside the axes, where no point can be.
    """
    labels = []
    for dense, band in zip(task.dense, drawn.bands, strict=True):
        height = _error(dense.test.mean, floor)
        lines = ["dense", f"{100 * dense.test.mean:.2f} %"]
        if len(task.architectures) > 1:
            lines.insert(1, name(dense.model, MAX_MODEL))
        if band:
            axes.axhspan(
                _error(band.high, floor), _error(band.low, floor), color=FAINT, alpha=0.16, linewidth=0, zorder=0
            )
            lines += ["noise", f"± {50 * (band.high - band.low):.2f}"]
        axes.axhline(height, color="black", linewidth=0.7, linestyle=(0, (4, 3)))
        labels.append(
            axes.annotate(
                "\n".join(lines),
                (1, height),
                xycoords=("axes fraction", "data"),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                fontsize=SMALL,
            )
        )
    return labels


# ---- Legend and axes


def _legend(axes: Axes, seeds: Sequence[int]) -> None:
    count = f"{min(seeds)}" if min(seeds) == max(seeds) else f"{min(seeds)} to {max(seeds)}"
    title = "One seed for each setting" if max(seeds) == 1 else f"Mean ± s.d. over {count} seeds"
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.2, "columnspacing": 1.2}
    columns = _columns(axes.get_legend_handles_labels()[1])
    axes.legend(ncols=columns, handletextpad=0.4, title=title, title_fontsize=SMALL, alignment="left", **place)


LEGEND = 185
"""The largest width of the legend in points. If it were wider than the panel, no space would be left for the axes."""
HANDLE = 24
"""The width of a line in the legend, and the space after a text."""


def _columns(texts: Sequence[str]) -> int:
    """Return the number of columns of the legend, at most three."""
    for count in (3, 2):
        columns = np.array_split([_width(text) + HANDLE for text in texts], count)  # as matplotlib fills them
        if sum(column.max(initial=0) for column in columns) <= LEGEND:
            return count
    return 1


def _scales(axes: Axes, task: Task, ends: Sequence[End], *, named: bool) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.invert_yaxis()
    axes.set_ylim(min(axes.get_ylim()[0], 100), axes.get_ylim()[1])
    low, high = axes.get_xlim()
    room = max((_width(end.text) + 10 for end in ends), default=0) / WIDE
    low /= (high / low) ** (room / (1 - room))  # for the labels at the ends of the lines
    axes.set_xlim(low, high)
    best, worst = sorted(axes.get_ylim())
    ticks = fitting(error_ticks(best, worst), lambda value: math.log(100 - value) / math.log(worst / best), GAPS[1])
    counts = fitting(log_ticks(low, high), lambda count: math.log(count) / math.log(high / low), GAPS[0])
    for axis, places, texts in (
        (axes.yaxis, [100 - value for value in ticks], [f"{value:g}" for value in ticks]),
        (axes.xaxis, counts, [_short(count) for count in counts]),
    ):
        axis.set_major_locator(FixedLocator(places))
        axis.set_major_formatter(FixedFormatter(texts))
        axis.set_minor_locator(NullLocator())
    axes.grid(linewidth=0.3, color="#d8dce0")
    axes.set_axisbelow(True)
    _titles(axes, task, named=named)


def _titles(axes: Axes, task: Task, *, named: bool) -> None:
    total = " or ".join(f"{count:,}" for count in sorted({count for _, count in task.architectures}))
    of = AXES[task.axis].label.partition(" (")[0]
    if task.axis == DEFAULT and len(total) < 24:
        of = f"{of} of {total}"
    axes.set_xlabel(f"{of}, {name(task.dataset)}" if named else of)
    images = f"% of {task.test:,} images\n(logarithmic in the error)" if task.test else "%"
    axes.set_ylabel(f"Test accuracy, {images}")


def _short(count: float) -> str:
    return f"{count / 1_000:g}k" if count >= 1_000 else f"{count:g}"
