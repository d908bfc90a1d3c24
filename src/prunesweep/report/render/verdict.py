"""The first screen of the page: the verdict in one sentence, and a card for each setting to choose.

HTML that needs no script. `verdict.js` adds buttons that copy the commands, and the noise beside the slider.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from html import escape
from typing import Any

from prunesweep.errors import printable
from prunesweep.report.compute.confirmation import Confirmation
from prunesweep.report.compute.groups import Experiment
from prunesweep.report.compute.noise import Noise, binomial, ties
from prunesweep.report.compute.values import Task, Values, sentences
from prunesweep.report.compute.verdict import Choice, accuracy
from prunesweep.report.render.tables import label
from prunesweep.results.run_directory import RunDirectory, short_path
from prunesweep.results.text import counted

MAX_NAMES = 8
"""How many tied or collapsed settings are named."""
ABOUT = {
    "safest": "least drop of validation accuracy, uncertainty included",
    "recommended": "fewest parameters without a measurable drop from the safest",
    "smallest": "fewest parameters within the limit",
}

FORMS = {"compact": "compact", "packed_bytes": "packed", "latency_us": "c"}
"""The format that is proposed for a network, by the field of its result that was measured in this format."""

MEASURED = {
    "packed_bytes": ("packed file", "{:,.0f} bytes"),
    "file_bytes": ("plain file", "{:,.0f} bytes"),
    "latency_us": ("one image", "{:,.3g} µs as a C file"),
}
"""What is measured on request -> its line on the card of a network."""


def verdict(values: Values) -> str:
    """Return the sentence and the cards of each data set, escaped."""
    parts = []
    for sentence, task in zip(sentences(values), values.tasks, strict=True):
        cards = "".join(_card(values, task, choice) for choice in task.verdict.choices)
        chance = f'<p class="hint">Noise of a validation accuracy: {noise(task)}.</p>' if cards else ""
        parts.append(f'<p class="sentence">{_unbroken(_escaped(sentence))}</p>{chance}<div class="cards">{cards}</div>')
        parts.append(_collapsed(values, task))
    failed = len(values.runs.failed) + values.runs.not_started
    if failed:
        runs = "1 run has" if failed == 1 else f"{failed:,} runs have"
        parts.append(f'<p class="note"><a href="#about">{runs} no result</a>, and this verdict is without them.</p>')
    return "".join(parts)


def slider(values: Values) -> str:
    """Return what the page shows beside the slider, as JSON in an attribute: for each data set, noise and evidence."""
    return escape(json.dumps([_beside_slider(values, task) for task in values.tasks]))


def _collapsed(values: Values, task: Task) -> str:
    """Return a note on the settings of which a run collapsed, escaped."""
    found = [index for index in task.verdict.evidence if values.experiments[index].collapsed]
    if not found:
        return ""
    count = f"{len(found):,} of {len(task.verdict.evidence):,} settings"
    return (
        f'<p class="collapsed">✕ {count} collapsed in at least one run: accuracy at chance, or a layer that no signal '
        f"passes. These networks do not work: {_named(values, found)}.</p>"
    )


def _card(values: Values, task: Task, choice: Choice) -> str:
    experiment = values.experiments[choice.experiment]
    run = values.runs.completed[choice.run]
    left, total = experiment.costs["params_nonzero"] or 0, run.result["params_total"]
    settings = label(values, experiment) or "the only setting"
    digits, val_digits = _digits(task.test), _digits(task.verdict.noise.images)
    confirmation = values.confirmed.get(choice.experiment)
    lines = [
        ("collapsed", _collapse(values, experiment)),
        ("test accuracy", _test(choice, digits)),
        ("validation accuracy", f"{accuracy(experiment.val, val_digits)}, {_drop(experiment, task, val_digits)}"),
        *((term, _measured(experiment.costs[cost], form)) for cost, (term, form) in MEASURED.items()),
        ("evidence", _evidence(values, choice)),
        ("confirmed", _confirmed(confirmation, digits, val_digits)),
    ]
    terms = "".join(f"<dt>{term}</dt><dd>{text}</dd>" for term, text in lines if text)
    return (
        f'<article class="card" data-roles="{" ".join(choice.roles)}">'
        f"<h2>{_roles(choice)}</h2>{_about(choice)}"
        f"<p><code>{_escaped(settings)}</code></p>"
        f'<p class="figures"><strong>{100 * left / total:.3g} %</strong> of the parameters: '
        f"{left:,.0f} of {total:,}</p>"
        f"<dl>{terms}</dl>{_commands(run)}</article>"
    )


def _measured(cost: float | None, form: str) -> str:
    return "" if cost is None else form.format(cost)


def _collapse(values: Values, experiment: Experiment) -> str:
    """Return why the first collapsed run of an experiment collapsed, escaped; empty if there is none."""
    reasons = [str(values.runs.completed[run].result.get("collapsed") or "") for run in experiment.runs]
    reason = next(filter(None, reasons), "")
    count = f"{experiment.collapsed} of {len(experiment.runs)} runs: "
    return f'<strong class="warning">{count}{_escaped(reason)}</strong>' if reason else ""


def _about(choice: Choice) -> str:
    return f'<p class="hint">{ABOUT[choice.roles[0]]}</p>' if len(choice.roles) == 1 else ""


def _roles(choice: Choice) -> str:
    *first, last = choice.roles
    return f"{', '.join(first)} and {last}".capitalize() if first else last.capitalize()


def _digits(images: int | None) -> int:
    """Return the number of decimal places of a percentage that `images` images can resolve."""
    return 1 if (images or 0) <= 1_000 else 2


def _evidence(values: Values, choice: Choice) -> str:
    """Return the number of seeds, and which settings do not differ significantly from the chosen one; escaped."""
    seeds, count = _seeds(values.experiments[choice.experiment].seeds), len(choice.tied)
    if choice.experiment in values.confirmed:
        seeds = f"{values.experiments[choice.experiment].seeds} searched, {counted(choice.evidence.seeds, 'new seed')}"
    if not count:
        return seeds
    others = counted(count, "other setting")
    return f"{seeds}<details><summary>tied with {others}</summary>{_named(values, choice.tied)}</details>"


def _seeds(count: int) -> str:
    return '<strong class="warning">one seed: its spread is unknown</strong>' if count == 1 else f"{count} seeds"


def _named(values: Values, indices: Sequence[int]) -> str:
    """Return the names of settings, escaped."""
    names = [f"<code>{_escaped(label(values, values.experiments[index]))}</code>" for index in indices[:MAX_NAMES]]
    more = [f"{len(indices) - MAX_NAMES:,} more"] if len(indices) > MAX_NAMES else []
    return ", ".join([*names, *more])


def _test(choice: Choice, digits: int) -> str:
    dense = "no trained dense network" if choice.dense is None else f"dense {accuracy(choice.dense, digits)}"
    return f"{accuracy(choice.test, digits)}, {dense}"


def _drop(experiment: Experiment, task: Task, digits: int) -> str:
    drop, sd = experiment.shortfall, experiment.val_drop.sd
    spread = "" if sd is None else f" ± {100 * sd:.{digits}f}"
    best = "the best dense network" if task.dense else "the best network"
    return (
        f"{abs(100 * drop):.{digits}f}{spread} points {'below' if drop >= 0 else 'above'} "
        f"{best if experiment.behind else 'its dense network'}"
    )


def _confirmed(found: Confirmation | None, digits: int, val_digits: int) -> str:
    if found is None:
        return "not with new seeds"
    points = 100 * found.difference
    return (
        f"with {counted(found.seeds, 'new seed')}: validation {accuracy(found.val, val_digits)}, "
        f"{abs(points):.{val_digits}f} points {'lower' if points < 0 else 'higher'} than searched; "
        f"test {accuracy(found.test, digits)}"
    )


def noise(task: Task) -> str:
    """Return the noise of a validation accuracy as text: by its images, and over seeds."""
    parts = [*_noise_of_images(task), *_noise_of_seeds(task.verdict.noise)]
    return ", ".join(parts)


def _noise_of_images(task: Task) -> list[str]:
    images = task.verdict.noise.images
    if not images or not task.dense:
        return []
    error = max(binomial(dense.val.mean, images) for dense in task.dense)
    return [f"± {100 * error:.2f} points by {images:,} validation images (binomial)"]


def _noise_of_seeds(noise: Noise) -> list[str]:
    return ["unknown over seeds"] if noise.seeds is None else [f"± {100 * noise.seeds:.2f} points over seeds"]


def _commands(run: RunDirectory) -> str:
    path = printable(shlex.quote(str(short_path(run.folder))))
    form = next((form for field, form in FORMS.items() if run.result.get(field)), "csr")
    commands = (f"prunesweep export {path} --format {form}", f"prunesweep reproduce {path}")
    return "".join(f'<p class="command"><code>{escape(command)}</code></p>' for command in commands)


def _beside_slider(values: Values, task: Task) -> dict[str, Any]:
    evidence, spread = task.verdict.evidence, task.verdict.noise
    members = dict.fromkeys(index for frontier in task.frontiers.values() for index in frontier.choices)
    compared = {index: evidence[index] for index in members}
    return {
        "images": spread.images,
        "noise": noise(task),
        "evidence": {index: _beside(values, task, index, ties(compared, index, spread)) for index in members},
    }


def _beside(values: Values, task: Task, index: int, tied: list[int]) -> str:
    experiment = values.experiments[index]
    confirmation = values.confirmed.get(index)
    parts = [f"Searched with {_seeds(experiment.seeds)}" if confirmation else f"Evidence: {_seeds(experiment.seeds)}"]
    if confirmation:
        parts.append(f"Confirmed {_confirmed(confirmation, _digits(task.test), _digits(task.verdict.noise.images))}")
    if tied:
        parts.append(f"Tied with {_named(values, tied)}")
    return ". ".join(parts) + "."


def _escaped(text: str) -> str:
    return escape(printable(text))


def _unbroken(text: str) -> str:
    """Return `text` so that no line begins with a % or between the parts of mean ± standard deviation."""
    return text.replace(" ± ", "&nbsp;±&nbsp;").replace(" %", "&nbsp;%")
