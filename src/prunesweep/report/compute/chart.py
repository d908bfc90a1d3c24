"""What the main chart draws of one data set, on the page and in `frontier.png`: colors, lines and bands of noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prunesweep.report.compute.band import Band, band
from prunesweep.report.compute.colors import Coloring, coloring, default_key
from prunesweep.report.compute.groups import Experiment
from prunesweep.report.compute.lines import Line, LineName, lines, names
from prunesweep.report.compute.values import Task
from prunesweep.results.run_directory import RunDirectory


@dataclass(frozen=True)
class Chart:
    """The main chart of one data set.

    Attributes:
        experiments: Indices of its experiments.
        key: The setting that colors them by default, or an empty text.
        colors: Setting -> how it colors the experiments.
        lines: Experiments that differ only in one number.
        names: The name of each line.
        bands: The noise around each dense network, None if the number of test images is unknown.
    """

    experiments: list[int]
    key: str
    colors: dict[str, Coloring]
    lines: list[Line]
    names: list[LineName]
    bands: list[Band | None]


def chart(task: Task, runs: Sequence[RunDirectory], experiments: Sequence[Experiment]) -> Chart:
    """Return the chart of the data set `task`.

    Args:
        task: Its values.
        runs: All completed runs.
        experiments: All experiments.
    """
    indices = [at for at, one in enumerate(experiments) if runs[one.runs[0]].result["dataset"] == task.dataset]
    colors = {key: coloring(key, indices, runs, experiments) for key in task.keys}
    found = lines(task.keys, indices, runs, experiments)
    first = [runs[experiments[at].runs[0]] for at in indices]
    return Chart(
        experiments=indices,
        key=default_key(task.keys, first) or _default_number(task.keys, colors, found),
        colors=colors,
        lines=found,
        names=names(found),
        bands=[band(dense.test, task.test) if task.test else None for dense in task.dense],
    )


def _default_number(keys: Sequence[str], colors: Mapping[str, Coloring], found: Sequence[Line]) -> str:
    """Return a numeric setting with few values that does not change along a line, or an empty text."""
    steady = found[0].settings if found else {}
    return next((key for key in keys if key in steady and len(colors[key].groups) > 1), "")
