"""The head of the page, in HTML that needs no script: what was run, on what data, what chose, and what failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from html import escape
from math import sqrt

from prunesweep.report.compute.gather import Lost
from prunesweep.report.compute.groups import Spread
from prunesweep.report.compute.values import Task, Values


def title(values: Values) -> str:
    """The title of the page, as text."""
    models = _list({run.fields["model"] for run in values.runs.done})
    datasets = _list(task.dataset for task in values.tasks)
    return f"Pruning {models} on {datasets}" if models else "Pruning: no run was completed"


def facts(values: Values) -> str:
    """A definition list: each term and what there is to say, escaped."""
    runs = values.runs
    states = Counter(lost.status for lost in runs.lost)
    lost = "".join(f", {count:,} {status}" for status, count in states.items())
    terms = [
        ("Runs", f"{len(runs.done):,} of {len(runs.jobs):,} completed{lost}; {_count(values)}"),
        ("Read from", _list(runs.sweeps)),
        ("Searched", _list(_range(values, key) for key in values.keys) or "one setting only"),
    ]
    for task in values.tasks:
        terms += [(f"Data: {task.dataset}", _splits(task)), *_denses(task)]
        if task.hypervolume:
            terms.append(("Hypervolume", _volume(task)))
    return "".join(f"<dt>{escape(term)}</dt><dd>{escape(told)}</dd>" for term, told in terms)


def _list(texts: Iterable[str]) -> str:
    return ", ".join(sorted(texts))


def _count(values: Values) -> str:
    seeds = sorted({seed for task in values.tasks for seed in task.seeds})
    told = ", ".join(map(str, seeds[:8])) + (", …" if len(seeds) > 8 else "")
    spread = (
        "error bars are one standard deviation over seeds"
        if any(len(experiment.runs) > 1 for experiment in values.experiments)
        else "no setting was repeated, so no spread is known: differences may be chance"
    )
    noun = "setting" if len(values.experiments) == 1 else "settings"
    return f"{len(values.experiments):,} {noun}, {len(seeds)} seed{'s' * (len(seeds) != 1)} ({told}); {spread}"


def _range(values: Values, key: str) -> str:
    found = {run.settings.get(key) for run in values.runs.done}
    numbers = sorted(value for value in found if isinstance(value, int | float) and not isinstance(value, bool))
    if len(found) > 6 and len(numbers) == len(found):
        return f"{key} {numbers[0]:g} to {numbers[-1]:g} ({len(found):,} values)"
    shown = numbers if len(numbers) == len(found) else sorted(map(str, found))
    more = f" | … ({len(found):,} values)" if len(found) > 6 else ""
    return f"{key} {' | '.join(map(str, shown[:6]))}{more}"


def _splits(task: Task) -> str:
    validation = f"{task.validation} validation images" if task.validation else "the validation images"
    test = f"{task.test:,} test images" if task.test else "the test images"
    noise = ""
    if task.test and task.dense:
        accuracy = max(dense.test.mean for dense in task.dense)
        noise = (
            f"; chance alone moves a test accuracy of {100 * accuracy:.1f} % "
            f"by ±{100 * sqrt(accuracy * (1 - accuracy) / task.test):.2f} points (binomial standard error)"
        )
    return f"{validation} chose; {test} chose nothing, and are what is shown{noise}"


def _denses(task: Task) -> list[tuple[str, str]]:
    return [
        (
            f"Dense {dense.model}",
            f"{dense.params:,} parameters, test accuracy {_percent(dense.test)}, validation {_percent(dense.val)}"
            + (f", over {dense.trained} trained networks" if dense.trained > 1 else ", one trained network"),
        )
        for dense in task.dense
    ]


def _percent(spread: Spread) -> str:
    return f"{100 * spread.mean:.2f}" + (f" ± {100 * spread.sd:.2f}" if spread.sd is not None else "") + " %"


def _volume(task: Task) -> str:
    assert task.hypervolume is not None
    spread = f" ± {task.hypervolume.sd:.4f} over seeds" if task.hypervolume.sd is not None else ""
    largest = max(dense.params for dense in task.dense)
    return (
        f"{task.hypervolume.mean:.4f}{spread}: test accuracy above chance (0.1) times decades of parameters saved, "
        f"from {largest:,} on, under the networks that each seed's validation accuracy chooses"
    )


def losses(values: Values) -> str:
    """The runs without a result as rows of a table, escaped; at most 500 of them."""
    rows = [_row(lost) for lost in values.runs.lost[:500]]
    more = len(values.runs.lost) - len(rows)
    return "".join(rows) + (f"<tr><td colspan=4>and {more:,} more, in results.csv</td></tr>" if more else "")


def _row(lost: Lost) -> str:
    cells = (lost.name, lost.status, lost.overrides, lost.reason)
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
