"""`report.html`: one file that contains its data, its code and plotly.js, and needs no network connection.

Its parts are the files `page.html`, `page.css` and `page.js` in this folder. Data and plotly.js are embedded as base64
of gzip, which takes a third of the space and contains nothing that a browser could read as markup.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

from plotly.offline import get_plotlyjs

from prunesweep.errors import printable
from prunesweep.report.compute.costs import AXES, as_of_round
from prunesweep.report.compute.gather import short_path
from prunesweep.report.compute.groups import Spread
from prunesweep.report.compute.values import Values
from prunesweep.report.render.header import facts, failures, title
from prunesweep.report.render.tables import label
from prunesweep.results.history import after_dense, phase
from prunesweep.results.published import published
from prunesweep.results.run_directory import RunDirectory, Value

NUMBERS = (
    *("seed", "amount", "sparsity", "param_reduction", "params_total", "params_selected", "params_pruned"),
    *("params_nonzero", "compression", "macs_total", "macs_nonzero", "seconds"),
)
NUMERICS = ("device", "threads")
"""Settings that runs of one experiment may differ in besides the seed, shown if they vary."""


def page(values: Values, folder: Path) -> str:
    """Return the page for a report in `folder`. Its links to runs are relative to `folder`."""
    source = files("prunesweep.report.render")
    parts = {name: source.joinpath(f"page.{name}").read_text(encoding="utf-8") for name in ("html", "css", "js")}
    return Template(parts["html"]).substitute(
        title=escape(title(values)),
        style=parts["css"],
        facts=facts(values),
        failures=failures(values),
        plotly=_plotly(),
        data=_packed(json.dumps(payload(values, folder), allow_nan=False, separators=(",", ":")).encode()),
        code=parts["js"],
    )


@cache
def _plotly() -> str:
    return _packed(str(get_plotlyjs()).encode())


def _packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, compresslevel=6, mtime=0)).decode()


def payload(values: Values, folder: Path) -> dict[str, Any]:
    """Return the data of the page. Runs are stored by columns."""
    runs, here = values.runs.completed, str(folder.resolve())
    numerics = [key for key in NUMERICS if len({run.settings.get(key) for run in runs}) > 1]
    experiment_of, first_of = _memberships(values)
    return {
        "axes": {name: {"label": axis.label, "log": axis.log, "more": axis.more} for name, axis in AXES.items()},
        "runs": {
            **_columns(runs),
            "name": [run.name for run in runs],
            "link": [_link(run, here) for run in runs],
            "command": [_command(run) for run in runs],
            "experiment": [experiment_of[index] for index in range(len(runs))],
            "duplicate_of": [first_of.get(index) for index in range(len(runs))],
            "collapsed": [printable(run.result.get("collapsed") or "") or None for run in runs],
            "curve": [_curve(run.result) for run in runs],
            "keys": {key: [run.settings.get(key) for run in runs] for key in (*values.keys, *numerics)},
        },
        "numerics": numerics,
        "settings": _settings(runs),
        "rounds": _rounds(runs),
        "experiments": [
            {
                "label": label(values, experiment),
                "runs": experiment.runs,
                "seeds": experiment.seeds,
                "costs": {axis: _short(cost) for axis, cost in experiment.costs.items()},
                **{name: _spread(getattr(experiment, name)) for name in ("val", "test", "val_drop", "test_drop")},
            }
            for experiment in values.experiments
        ],
        "tasks": [
            {
                **asdict(task),
                "published": {
                    dense.model: [asdict(row) for row in published(dense.model, task.dataset)] for dense in task.dense
                },
            }
            for task in values.tasks
        ],
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
    return float(f"{value:.7g}") if isinstance(value, float) else value


def _spread(spread: Spread) -> list[float | None]:
    return [_short(spread.mean), _short(spread.sd)]


def _curve(result: Mapping[str, Any]) -> list[float]:
    """Return the validation accuracies before and after each epoch that follows the dense training.

    The first one is measured directly after the first pruning. If sparsity rises during training instead, it is that of
    the dense network.
    """
    epochs = after_dense(result["history"])
    rises = bool(epochs) and phase(epochs[0]) == "ramp"
    start = result["dense"] if rises else (result["rounds"] or [result])[0]["pruned"]
    return [_short(scores["val_accuracy"]) for scores in (start, *epochs)]


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


def _rounds(runs: Sequence[RunDirectory]) -> list[dict[str, Any]]:
    """Return costs and test accuracy of the earlier rounds of iterative runs. Their weights are not saved."""
    return [
        {
            "run": index,
            "round": entry["round"],
            **{name: _short(axis.cost(as_of_round(run.result, entry))) for name, axis in AXES.items()},
            "test": entry["final"]["test_accuracy"],
        }
        for index, run in enumerate(runs)
        for entry in run.result["rounds"]
    ]
