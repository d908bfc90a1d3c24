"""The fold-out at the end of the page, in HTML that needs no script: runs, data, machines, runs without a result."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from math import sqrt

from prunesweep.errors import printable
from prunesweep.report.compute.frontiers import Hypervolume
from prunesweep.report.compute.groups import Spread
from prunesweep.report.compute.values import Dense, Task, Values
from prunesweep.results.run_directory import RunDirectory
from prunesweep.results.text import counted

MAX_SEEDS = 8
MAX_VALUES = 6
MAX_FAILURES = 500


def title(values: Values) -> str:
    """Return the title of the page as plain text."""
    models = _list({run.result["model"] for run in values.runs.completed})
    datasets = _list(task.dataset for task in values.tasks)
    return f"Pruning {models} on {datasets}" if models else "Pruning: no run was completed"


def facts(values: Values) -> str:
    """Return the terms and descriptions of a definition list, escaped."""
    terms = [
        ("Runs", f"{_counts(values)}; {_repetitions(values)}"),
        ("Directories", _list(values.runs.sweeps)),
        *_origin(values.runs.completed[:1]),
        ("Varied settings", _list(_range(values, key) for key in values.keys) or "none"),
    ]
    for task in values.tasks:
        terms += [
            (f"Data: {task.dataset}", _splits(task)),
            *((f"Dense {one.model}", _dense(one)) for one in task.dense),
        ]
        terms.append(("Hypervolume", _hypervolume(task.hypervolume)))
    return "".join(f"<dt>{_escaped(term)}</dt><dd>{_escaped(text)}</dd>" for term, text in terms)


def failures(values: Values) -> str:
    """Return the rows of the table of runs without a result, escaped; at most 500."""
    shown, more = values.runs.failed[:MAX_FAILURES], len(values.runs.failed) - MAX_FAILURES
    last = f"<tr><td colspan=4>and {more:,} more in failed.csv</td></tr>" if more > 0 else ""
    return "".join(map(_failure, shown)) + last


def _failure(run: RunDirectory) -> str:
    cells = (run.name, run.status, " ".join(run.overrides), run.error)
    return "<tr>" + "".join(f"<td>{_escaped(cell)}</td>" for cell in cells) + "</tr>"


def _escaped(text: str) -> str:
    return escape(printable(text))


def _list(texts: Iterable[str]) -> str:
    return ", ".join(sorted(texts))


def _counts(values: Values) -> str:
    runs = values.runs
    failed = "".join(f", {count:,} {status}" for status, count in Counter(run.status for run in runs.failed).items())
    repeated = sum(len(experiment.duplicates) for experiment in values.experiments)
    duplicates = f" ({counted(repeated, 'duplicate')} of another run, counted once)" if repeated else ""
    waiting = f", {runs.not_started:,} not started" if runs.not_started else ""
    return f"{len(runs.completed):,} of {len(runs.all) + runs.not_started:,} completed{duplicates}{failed}{waiting}"


def _repetitions(values: Values) -> str:
    seeds = sorted({seed for task in values.tasks for seed in task.seeds})
    shown = ", ".join(map(str, seeds[:MAX_SEEDS])) + (", …" if len(seeds) > MAX_SEEDS else "")
    spread = (
        "error bars are one standard deviation over seeds"
        if any(experiment.seeds > 1 for experiment in values.experiments)
        else "every setting has a single seed, so the spread is unknown and differences may be due to chance"
    )
    return f"{counted(len(values.experiments), 'setting')}, {counted(len(seeds), 'seed')} ({shown}); {spread}"


def _range(values: Values, key: str) -> str:
    distinct = {run.settings[key] for run in values.runs.completed if key in run.settings}
    numbers = sorted(value for value in distinct if isinstance(value, int | float) and not isinstance(value, bool))
    if len(distinct) > MAX_VALUES and len(numbers) == len(distinct):
        return f"{key} {numbers[0]:g} to {numbers[-1]:g} ({len(distinct):,} values)"
    shown = numbers if len(numbers) == len(distinct) else sorted(map(str, distinct))
    more = f" | … ({len(distinct):,} values)" if len(distinct) > MAX_VALUES else ""
    return f"{key} {' | '.join(map(str, shown[:MAX_VALUES]))}{more}"


def _splits(task: Task) -> str:
    validation = f"{task.validation} validation images" if task.validation else "validation images"
    test = f"{task.test:,} test images" if task.test else "test images"
    return (
        f"networks are selected by their accuracy on {validation}; reported accuracies are measured on {test} that "
        f"played no part in the selection{_noise(task)}"
    )


def _noise(task: Task) -> str:
    if not task.test or not task.dense:
        return ""
    accuracy = max(dense.test.mean for dense in task.dense)
    error = 100 * sqrt(accuracy * (1 - accuracy) / task.test)
    return f"; the standard error of a test accuracy of {100 * accuracy:.1f} % is ±{error:.2f} points (binomial)"


def _dense(dense: Dense) -> str:
    count = f"over {dense.trained} trained networks" if dense.trained > 1 else "one trained network"
    return (
        f"{dense.params:,} parameters, test accuracy {_percent(dense.test)}, validation {_percent(dense.val)}, {count}"
    )


def _percent(spread: Spread) -> str:
    return f"{100 * spread.mean:.2f}" + (f" ± {100 * spread.sd:.2f}" if spread.sd is not None else "") + " %"


def _hypervolume(volume: Hypervolume) -> str:
    worst = ", ".join(f"{goal} {value:g}" for goal, value in zip(volume.goals, volume.reference, strict=True))
    return (
        f"{volume.value:.5g}, between the Pareto set by means over seeds and the worst values ({worst}), in the units "
        "of the objectives; a search writes the same number to optimization_results.yaml"
    )


def _origin(runs: Sequence[RunDirectory]) -> Iterator[tuple[str, str]]:
    """Yield when, with what and where the first run was computed, as far as it is recorded."""
    for run in runs:
        if run.overrides:
            yield "First run", f"prunesweep run {shlex.join(run.overrides)}"
        recorded = run.provenance or {}
        packages = recorded.get("packages")
        known = packages if isinstance(packages, dict) else {}
        versions = ", ".join(f"{name} {known[name]}" for name in ("prunesweep", "torch") if name in known)
        cores, gpu = recorded.get("cores"), recorded.get("gpu")
        machine = [recorded.get("cpu"), f"{cores} cores" if cores else "", *(gpu if isinstance(gpu, list) else [])]
        for term, text in (
            ("Finished", str(recorded.get("finished", ""))),
            ("Versions", versions + (f", Python {recorded['python']}" if "python" in recorded else "")),
            ("Machine", ", ".join(str(part) for part in (*machine, recorded.get("os")) if part)),
        ):
            if text:
                yield term, text
