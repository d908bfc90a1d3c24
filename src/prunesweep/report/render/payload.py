"""The data of the page as plain JSON: runs by columns, settings, and what each chart draws."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from statistics import fmean
from typing import Any
from urllib.parse import quote

from prunesweep.errors import printable
from prunesweep.report.compute.chart import chart
from prunesweep.report.compute.colors import text
from prunesweep.report.compute.costs import AXES
from prunesweep.report.compute.frontiers import Frontier, value_of
from prunesweep.report.compute.groups import Experiment, Spread
from prunesweep.report.compute.lines import stages
from prunesweep.report.compute.pictures import dense_weights_of, histograms, pictures, selected, weights_of
from prunesweep.report.compute.ticks import error_ticks, log_ticks
from prunesweep.report.compute.values import Task, Values
from prunesweep.report.render.tables import label
from prunesweep.results.history import after_dense, phase
from prunesweep.results.published import published
from prunesweep.results.run_directory import RunDirectory, Value, short_path

NUMBERS = (
    *("seed", "amount", "sparsity", "param_reduction", "params_total", "params_selected", "params_pruned"),
    *("params_nonzero", "compression", "macs_total", "macs_nonzero", "seconds"),
)
NUMERICS = ("device", "threads")
"""Settings that runs of one experiment may differ in besides the seed, shown if they vary."""
MAX_PICTURED = 24
"""How many runs have pictures of their weights, which take up to 40 kB each."""
MARGIN = 0.06
"""The part of an axis that stays free at each of its ends."""
LEADING = 0.5
"""If more than this part of the settings prunes a single layer, the sensitivity curves come first."""


def payload(values: Values, folder: Path) -> dict[str, Any]:
    """Return the data of the page of a report in `folder`."""
    runs, here = values.runs.completed, str(folder.resolve())
    numerics = [key for key in NUMERICS if len({run.settings.get(key) for run in runs}) > 1]
    experiment_of, first_of = _memberships(values)
    architectures, dense = _Distinct(), _Distinct()
    return {
        "axes": {name: {"label": axis.label, "log": axis.log, "more": axis.more} for name, axis in AXES.items()},
        "runs": {
            **_columns(runs),
            "name": [run.name for run in runs],
            "link": [_link(run, here) for run in runs],
            "command": [_command(run) for run in runs],
            "experiment": [experiment_of[index] for index in range(len(runs))],
            "collapsed": [printable(run.result.get("collapsed") or "") or None for run in runs],
            "duplicate_of": [first_of.get(index) for index in range(len(runs))],
            "curve": [_curve(run.result) for run in runs],
            "loss": [_losses(after_dense(run.result["history"])) for run in runs],
            "dense": [dense.index(_dense_curve(run.result)) for run in runs],
            "architecture": [architectures.index([layer["name"] for layer in run.result["layers"]]) for run in runs],
            "layers": [[_short(layer["sparsity"]) for layer in run.result["layers"]] for run in runs],
            "keys": {key: [run.settings.get(key) for run in runs] for key in numerics},
        },
        "keys": values.keys,
        "architectures": architectures.values,
        "dense": dense.values,
        "numerics": numerics,
        "settings": _settings(runs),
        "experiments": [_experiment(values, experiment) for experiment in values.experiments],
        "tasks": [_task(values, task) for task in values.tasks],
        "pictures": (shown := _pictures(values)),
        "pictured": len(shown),
    }


def _pictures(values: Values) -> dict[int, dict[str, Any]]:
    """Return the pictures of at most `MAX_PICTURED` runs."""
    runs = values.runs.completed
    front = [
        run
        for task in values.tasks
        for index in task.frontiers["params_nonzero"].members
        for run in values.experiments[index].runs
    ]
    found: dict[int, dict[str, Any]] = {}
    for index in selected(front, len(runs), MAX_PICTURED):
        run = runs[index]
        weights, layers = weights_of(run), [layer["name"] for layer in run.result["layers"]]
        if weights:
            dense = dense_weights_of(run)
            found[index] = {
                "pictures": [asdict(each) for each in pictures(weights, layers)],
                "histograms": [asdict(each) for each in histograms(weights, dense, layers)],
            }
    return found


class _Distinct:
    """Distinct values in the order of their first use."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._places: dict[str, int] = {}

    def index(self, value: Any) -> int:
        """Return the position of `value`."""
        place = self._places.setdefault(repr(value), len(self.values))
        if place == len(self.values):
            self.values.append(value)
        return place


def _task(values: Values, task: Task) -> dict[str, Any]:
    runs, experiments = values.runs.completed, values.experiments
    drawn = chart(task, runs, experiments)
    members = [experiments[at] for at in drawn.experiments]
    return {
        **{each.name: _plain(getattr(task, each.name)) for each in fields(task) if each.name != "verdict"},
        "experiments": drawn.experiments,
        "frontiers": {axis: _frontier(front) for axis, front in task.frontiers.items()},
        "published": {
            model: [asdict(row) for row in published(model, task.dataset) if row.error is not None]
            for model, _ in task.architectures
        },
        "colors": _plain(drawn.colors),
        "color": drawn.key,
        "lines": [
            {**asdict(name), "experiments": line.experiments}
            for name, line in zip(drawn.names, drawn.lines, strict=True)
        ],
        "bands": _plain(drawn.bands),
        "extents": {axis: _extent(axis, members, runs) for axis in task.frontiers},
        "errors": _errors(task, members, runs),
        **_tuning_ticks(runs),
        "leads": "sensitivity" if _single_layers(task) > LEADING * len(members) else "tradeoff",
    }


def _plain(value: Any) -> Any:
    """Return dataclasses at any depth as dictionaries."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _single_layers(task: Task) -> int:
    return sum(len(curve.experiments) for curve in task.sensitivities)


def _frontier(front: Frontier) -> dict[str, Any]:
    of_value = {key: [(text(value), members) for value, members in pairs] for key, pairs in front.of_value.items()}
    return {**asdict(front), "of_value": of_value}


def _extent(axis: str, members: Sequence[Experiment], runs: Sequence[RunDirectory]) -> dict[str, Any] | None:
    """Return the ends of a logarithmic cost axis and its ticks. A linear axis, or one without costs, has none."""
    costs = [one.costs[axis] for one in members] + [stage.costs[axis] for one in members for stage in stages(one, runs)]
    known = [cost for cost in costs if cost is not None and cost > 0]
    if not AXES[axis].log or not known:
        return None
    low, high = _widened(min(known), max(known))
    return {"low": low, "high": high, "ticks": [_short(level) for level in log_ticks(low, high)]}


def _errors(task: Task, members: Sequence[Experiment], runs: Sequence[RunDirectory]) -> dict[str, Any]:
    """Return the ends of the axis of test errors, in percent, and its ticks. An error of zero has no logarithm."""
    floor = 50 / (task.test or 10_000)  # half an image
    spreads = [one.test for one in members] + [dense.test for dense in task.dense]
    spreads += [Spread(stage.test.mean, None) for one in members for stage in stages(one, runs)]
    errors = [error for spread in spreads for error in _error_bar(spread, floor)]
    low, high = _widened(min(errors), max(errors))
    return {
        "floor": floor,
        "low": low,
        "high": min(high, 100),
        "ticks": [_short(each) for each in error_ticks(low, high)],
    }


def _error_bar(spread: Spread, floor: float) -> tuple[float, float]:
    """Return the ends of an error bar in percent. A bar that reaches a perfect network is cut: its end has no place."""
    error, sd = max(100 * (1 - spread.mean), floor), 100 * (spread.sd or 0)
    return max(error - sd, error / 2), error + sd


def _tuning_ticks(runs: Sequence[RunDirectory]) -> dict[str, Any]:
    """Return the ticks for validation accuracies during fine-tuning, and the decades that their axis covers."""
    curves = [accuracy for run in runs for accuracy in _curve(run.result)]
    low, high = _widened(*(max(100 * (1 - accuracy), 0.01) for accuracy in (max(curves), min(curves))))
    return {"tuning_ticks": error_ticks(low, min(high, 100)), "tuning_decades": math.log10(high / low)}


def _widened(low: float, high: float) -> tuple[float, float]:
    factor = max((high / low) ** MARGIN, 1.01)
    return low / factor, high * factor


def _experiment(values: Values, experiment: Experiment) -> dict[str, Any]:
    runs = values.runs.completed
    rounds = [
        {
            "round": one.round,
            "costs": _shorts(one.costs),
            "val": _spread(one.val),
            "test": _spread(one.test),
            "collapsed": one.collapsed,
        }
        for one in stages(experiment, runs)
    ]
    return {
        "label": label(values, experiment),
        "settings": [text(value_of(key, runs, experiment)) for key in values.keys],
        "runs": experiment.runs,
        "duplicates": experiment.duplicates,
        "seeds": experiment.seeds,
        "collapsed": experiment.collapsed,
        "costs": _shorts(experiment.costs),
        "sparsity": _short(fmean(runs[run].result["sparsity"] for run in experiment.runs)),
        "shortfall": _short(experiment.shortfall),
        **{name: _spread(getattr(experiment, name)) for name in ("val", "test", "test_drop")},
        **({"stages": rounds} if rounds else {}),
    }


def _link(run: RunDirectory, folder: str) -> str:
    """Return the URL of the directory of `run` relative to the absolute path `folder`. Its name can be of any bytes."""
    return quote(os.fsencode(os.path.relpath(run.folder.resolve(), folder))) + "/"


def _command(run: RunDirectory) -> str:
    return printable(f"prunesweep reproduce {shlex.quote(str(short_path(run.folder)))}")


def _memberships(values: Values) -> tuple[dict[int, int], dict[int, int]]:
    """Return the experiment of each run, and for each duplicate the run that it repeats."""
    runs = values.runs.completed
    experiment_of: dict[int, int] = {}
    first_of: dict[int, int] = {}
    for number, experiment in enumerate(values.experiments):
        experiment_of.update(dict.fromkeys((*experiment.runs, *experiment.duplicates), number))
        by_digest = {runs[index].result["digest"]: index for index in experiment.runs}
        first_of.update({index: by_digest[runs[index].result["digest"]] for index in experiment.duplicates})
    return experiment_of, first_of


def _columns(runs: Sequence[RunDirectory]) -> dict[str, Any]:
    return {
        **{name: [_short(run.result.get(name)) for run in runs] for name in ("model", "dataset", *NUMBERS)},
        **{name: [_short(axis.cost(run.result)) for run in runs] for name, axis in AXES.items()},
        **{
            f"{point}_{split}": [_short(run.result[point][f"{split}_accuracy"]) for run in runs]
            for point in ("dense", "pruned", "final")
            for split in ("val", "test")
        },
    }


def _short(value: Any) -> Any:
    if isinstance(value, list):
        return [_short(each) for each in value]
    return float(f"{value:.7g}") if isinstance(value, float) else value


def _shorts(costs: Mapping[str, float | None]) -> dict[str, Any]:
    return {axis: _short(cost) for axis, cost in costs.items()}


def _spread(spread: Spread) -> list[float | None]:
    return [_short(spread.mean), _short(spread.sd)]


def _curve(result: Mapping[str, Any]) -> list[float]:
    """Return the validation accuracies before and after each epoch that follows the dense training.

    The first one is measured directly after the first pruning. If sparsity rises during training instead, it is that of
    the dense network.
    """
    epochs = after_dense(result["history"])
    rises = bool(epochs) and phase(epochs[0]) in ("ramp", "regrow")
    start = result["dense"] if rises else (result["rounds"] or [result])[0]["pruned"]
    return [_short(scores["val_accuracy"]) for scores in (start, *epochs)]


def _losses(epochs: Sequence[Mapping[str, Any]]) -> list[float | None]:
    """Return the validation loss after each epoch, None if it is unknown. Older releases did not record it."""
    losses = [epoch.get("val_loss") for epoch in epochs]
    return [float(f"{loss:.4g}") if isinstance(loss, float) else None for loss in losses]


def _dense_curve(result: Mapping[str, Any]) -> dict[str, list[Any]]:
    epochs = [epoch for epoch in result["history"] if phase(epoch) == "dense"]
    return {"curve": [_short(epoch["val_accuracy"]) for epoch in epochs], "loss": _losses(epochs)}


def _settings(runs: Sequence[RunDirectory]) -> dict[str, Any]:
    """Return the settings that all runs share, and the others by columns that store each distinct value once."""
    keys = dict.fromkeys(key for run in runs for key in run.settings)
    shared: dict[str, Value] = {}
    varying: dict[str, Any] = {}
    for key in keys:
        column = [run.settings.get(key) for run in runs]
        distinct = {(type(value), value): value for value in column}
        if len(distinct) == 1:
            shared[key] = column[0]
        else:
            position = {entry: number for number, entry in enumerate(distinct)}
            index = [position[type(value), value] for value in column]
            varying[key] = {"values": list(distinct.values()), "index": index}
    return {"shared": shared, "varying": varying}
