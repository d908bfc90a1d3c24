"""`report.html`: one file that holds its data, its code and plotly.js, and needs no network.

`page.html`, `page.css` and `page.js` are ordinary files beside this one. Data and plotly.js go into the page packed, as
base64 of gzip: a third of the size, and nothing in it that a browser could take for markup.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from plotly.offline import get_plotlyjs

from prunesweep.report.compute.costs import AXES, costs, finetuning, stage
from prunesweep.report.compute.gather import Run, Value
from prunesweep.report.compute.groups import Spread
from prunesweep.report.compute.values import Values
from prunesweep.report.render.header import facts, losses, title
from prunesweep.report.render.tables import label
from prunesweep.results.published import published

NUMBERS = (
    *("seed", "amount", "sparsity", "param_reduction", "params_total", "params_selected", "params_pruned"),
    *("params_nonzero", "compression", "macs_total", "macs_nonzero", "seconds"),
)


def page(values: Values, folder: Path) -> str:
    """The page on `values`, for `folder`: links to runs are relative to it."""
    source = files("prunesweep.report")
    parts = {name: source.joinpath(f"page.{name}").read_text(encoding="utf-8") for name in ("html", "css", "js")}
    return Template(parts["html"]).substitute(
        title=escape(title(values)),
        style=parts["css"],
        facts=facts(values),
        losses=losses(values),
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
    """The data of the page, runs and experiments by columns."""
    runs = values.runs.done
    belongs = {run: index for index, experiment in enumerate(values.experiments) for run in experiment.runs}
    return {
        "axes": {name: asdict(axis) for name, axis in AXES.items()},
        "runs": {
            **_columns(runs),
            "name": [run.name for run in runs],
            "link": [os.path.relpath(run.folder.resolve(), folder.resolve()) for run in runs],
            "command": [run.command for run in runs],
            "experiment": [belongs[index] for index in range(len(runs))],
            "curve": [_curve(run.fields) for run in runs],
            "keys": {key: [run.settings.get(key) for run in runs] for key in (*values.keys, *_repeating(runs))},
        },
        "repeating": _repeating(runs),
        "settings": _settings(runs),
        "stages": _stages(runs),
        "experiments": [
            {
                "label": label(values, experiment),
                "runs": experiment.runs,
                "costs": {axis: _short(cost) for axis, cost in experiment.costs.items()},
                **{name: _spread(getattr(experiment, name)) for name in ("val", "test", "val_drop", "test_drop")},
            }
            for experiment in values.experiments
        ],
        "tasks": [
            {**asdict(task), "published": {dense.model: _published(dense.model, task.dataset) for dense in task.dense}}
            for task in values.tasks
        ],
    }


def _columns(runs: Sequence[Run]) -> dict[str, Any]:
    return {
        **{name: [_short(run.fields.get(name)) for run in runs] for name in ("model", "dataset", *NUMBERS)},
        **{axis: [_short(run.costs[axis]) for run in runs] for axis in AXES},
        **{
            f"{point}_{split}": [_short(run.fields[point][f"{split}_accuracy"]) for run in runs]
            for point in ("dense", "pruned", "final")
            for split in ("val", "test")
        },
    }


def _short(value: Any) -> Any:
    return float(f"{value:.7g}") if isinstance(value, float) else value


def _spread(spread: Spread) -> list[float | None]:
    return [_short(spread.mean), _short(spread.sd)]


def _curve(fields: Mapping[str, Any]) -> list[float]:
    """Validation accuracy straight after the first pruning, and after each epoch from there on."""
    first = (fields["rounds"] or [fields])[0]
    epochs = [epoch["val_accuracy"] for epoch in finetuning(fields["history"])]
    return [_short(value) for value in (first["pruned"]["val_accuracy"], *epochs)]


def _repeating(runs: Sequence[Run]) -> list[str]:
    """What else repetitions may differ in, and what figures may depend on."""
    return [key for key in ("device", "threads") if len({run.settings.get(key) for run in runs}) > 1]


def _settings(runs: Sequence[Run]) -> dict[str, Any]:
    """What all runs are set to, once, and the rest by columns, each value once."""
    keys = dict.fromkeys(key for run in runs for key in run.settings)
    shared: dict[str, Value] = {}
    varying: dict[str, Any] = {}
    for key in keys:
        column = [run.settings.get(key) for run in runs]
        known = {(type(value), value): value for value in column}
        if len(known) == 1:
            shared[key] = column[0]
        else:
            position = {entry: number for number, entry in enumerate(known)}
            index = [position[type(value), value] for value in column]
            varying[key] = {"values": list(known.values()), "index": index}
    return {"shared": shared, "varying": varying}


def _stages(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """The networks that iterative runs passed on their way; only the last one's weights are in the run's directory."""
    return [
        {
            "run": index,
            "round": entry["round"],
            **{axis: _short(cost) for axis, cost in costs(stage(run.fields, entry)).items()},
            "test": entry["final"]["test_accuracy"],
        }
        for index, run in enumerate(runs)
        for entry in run.fields["rounds"]
    ]


def _published(model: str, dataset: str) -> list[dict[str, Any]]:
    return [asdict(row) for row in published(model, dataset)]
