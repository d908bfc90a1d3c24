"""`report.html`: one file that contains its data, its code and plotly.js, and needs no network connection.

Its parts are the files `page.*` and `verdict.*` in this folder and the JavaScript modules in `modules`. An import map
gives each module its name, so that the modules work in a file that a browser opens without a server. Data and plotly.js
are embedded as base64 of gzip, which takes a third of the space and contains nothing that a browser could read as
markup.
"""

from __future__ import annotations

import base64
import gzip
import json
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from plotly.offline import get_plotlyjs

from prunesweep.report.compute.comparison import compare_automatically
from prunesweep.report.compute.values import Values
from prunesweep.report.render.comparison_panel import panel
from prunesweep.report.render.header import facts, failures, title
from prunesweep.report.render.payload import payload
from prunesweep.report.render.verdict import slider, verdict


def page(values: Values, folder: Path) -> str:
    """Return the page for a report in `folder`. Its links to runs are relative to `folder`."""
    source = files("prunesweep.report.render")
    first = {name: source.joinpath(f"verdict.{name}").read_text(encoding="utf-8") for name in ("css", "js")}
    return Template(source.joinpath("page.html").read_text(encoding="utf-8")).substitute(
        title=escape(title(values)),
        style=source.joinpath("page.css").read_text(encoding="utf-8") + first["css"],
        verdict=verdict(values),
        verdict_code=first["js"],
        noise=slider(values),
        opened=" open" if values.runs.failed or not values.tasks else "",
        facts=facts(values),
        comparison=panel(compare_automatically(values.runs)),
        failures=failures(values),
        plotly=_plotly(),
        data=_packed(json.dumps(payload(values, folder), allow_nan=False, separators=(",", ":")).encode()),
        imports=_import_map(),
    )


def prepare_page() -> None:
    """Pack what is the same in all pages."""
    _import_map()
    _plotly()


@cache
def _import_map() -> str:
    """Return an import map that gives the module `modules/table.js` the name `page/table`."""
    modules = files("prunesweep.report.render").joinpath("modules").iterdir()
    encoded = {
        f"page/{module.name.removesuffix('.js')}": base64.b64encode(module.read_bytes()).decode()
        for module in sorted(modules, key=lambda module: module.name)
        if module.name.endswith(".js")
    }
    return json.dumps({"imports": {name: f"data:text/javascript;base64,{code}" for name, code in encoded.items()}})


@cache
def _plotly() -> str:
    return _packed(str(get_plotlyjs()).encode())


def _packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, compresslevel=6, mtime=0)).decode()
