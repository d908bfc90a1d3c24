"""Every number on the page, read in a real browser and compared with the tables beside it.

Expected values are computed here from `results.csv`, `rounds.csv` and `result.json`, without the code of the report.
"""

import csv
import json
import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

import numpy as np
import pytest
from browser import Tab
from fakes import LAYERS, TOTAL, fake_fields, fake_round, fake_run
from playwright.sync_api import Browser
from scipy.integrate import trapezoid
from scipy.stats import nct, t

from prunesweep.report.compute.gather import gather
from prunesweep.report.render.files import write_report

AMOUNTS, SEEDS = (0.5, 0.8, 0.95), (0, 1, 2)
WORSE = {("l1", "one_shot"): 0.0, ("l1", "iterative"): 0.001, ("random", "one_shot"): 0.04}
IMAGES = {"val": 500, "test": 1_000}
Row = Mapping[str, str]


def run_fields(criterion: str, schedule: str, amount: float, seed: int) -> dict[str, Any]:
    """Return a run with its own numbers everywhere. Random weights collapse at the largest amount."""
    chance = random.Random(f"{criterion} {schedule} {amount} {seed}")
    collapsed = "no signal passes fc2; test accuracy 10.00%" if (criterion, amount) == ("random", 0.95) else None
    val = (
        0.1 if collapsed else round(0.97 - amount**6 * (0.01 + WORSE[criterion, schedule]) + chance.gauss(0, 0.002), 3)
    )
    scores = {"val_accuracy": val, "test_accuracy": round(val - 0.001 * chance.randrange(5), 4)}
    history = [
        {"epoch": 1, "phase": "dense", "round": 0, "val_accuracy": 0.9, "val_loss": 0.3 + seed / 8, "seconds": 0.5},
        {"epoch": 2, "phase": "dense", "round": 0, "val_accuracy": 0.968, "val_loss": 0.2, "seconds": 0.5},
        {
            "epoch": 3,
            "phase": "finetune",
            "round": 1,
            "val_accuracy": val,
            "val_loss": 0.1 + amount / 8,
            "seconds": 0.7,
        },
    ]
    fields = fake_fields(
        amount,
        seed,
        *(f"prune={criterion}", f"schedule={schedule}"),
        dataset="mnist5k",
        digest=f"{criterion}{schedule}{amount}{seed}",
        dense={"val_accuracy": 0.968 + 0.002 * seed, "test_accuracy": 0.966 + 0.001 * seed},
        pruned={"val_accuracy": round(val - 0.05, 4), "test_accuracy": round(val - 0.06, 4)},
        final=scores,
        history=history,
        seconds=round(chance.uniform(1, 9), 3),
        collapsed=collapsed,
        dead_layers=["fc2"] if collapsed else [],
    )
    for number, layer in enumerate(fields["layers"]):
        layer["sparsity"] = round(amount ** (1 + number / 4) * chance.uniform(0.95, 1), 6)
    if schedule == "iterative":
        fields["rounds"] = [fake_round(number, amount * part, seed) for number, part in ((1, 0.5), (2, 0.8))]
    return fields


@dataclass(frozen=True)
class Shown:
    """The page of a sweep, and the tables beside it."""

    tab: Tab
    folder: Path

    def rows(self, name: str) -> list[dict[str, str]]:
        with (self.folder / name).open() as file:
            return list(csv.DictReader(file))

    @cached_property
    def settings(self) -> dict[str, list[Row]]:
        """The rows of each setting, under the name that the page gives it."""
        found: dict[str, list[Row]] = {}
        for row in self.rows("results.csv"):
            found.setdefault(name(row), []).append(row)
        return found

    def result(self, run: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / run / "result.json").read_text())
        return found

    def text(self, selector: str) -> str:
        return self.tab.page.locator(selector).first.inner_text()

    def chart(self, chart: str) -> list[dict[str, Any]]:
        """Return the traces of a chart with everything that they draw or say."""
        self.tab.page.wait_for_selector("body:not([data-pending])")
        found: list[dict[str, Any]] = self.tab.page.evaluate(
            """chart => document.getElementById(chart).data.map(({name, x, y, z, text, error_y, customdata}) => ({
            name, x: [...(x ?? [])], y: [...(y ?? [])], z: z?.map((row) => [...row]), customdata,
            text: [text ?? []].flat(Infinity), above: [...(error_y?.array ?? [])],
            below: [...(error_y?.arrayminus ?? [])]}))""",
            chart,
        )
        return found


def name(row: Row) -> str:
    return " ".join(f"{key}={row[key]}" for key in ("prune", "schedule", "prune.amount"))


def sweep(folder: Path) -> Path:
    runs = [(*method, amount, seed) for method in WORSE for amount in AMOUNTS for seed in SEEDS]
    for number, (criterion, schedule, amount, seed) in enumerate(runs):
        fields = run_fields(criterion, schedule, amount, seed)
        config = {"prune__criterion": criterion, "schedule__name": schedule, "dataset__validation": IMAGES["val"]}
        fake_run(folder / str(number), fields, **config)
    write_report(gather([folder]), folder)
    return folder


@pytest.fixture(scope="module")
def shown(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """The page in a tab of its own, because other tests change that of the session."""
    folder = sweep(tmp_path_factory.mktemp("numbers"))
    tab = Tab(browser, tmp_path_factory.mktemp("tab") / "report.html").open(folder / "report.html")
    yield Shown(tab, folder)
    assert tab.complaints == []


# ---- Numbers of texts

NUMBER = re.compile(r"(?<![\w.=/-])[+−-]?\d[\d,]*(?:\.\d+)?(?=[x %,.:;)\s]|$)")


def agree(text: str, *expected: float) -> None:
    """Assert that the numbers of a text are the expected ones, as exactly as they are written. Names are ignored."""
    found = [number.rstrip(",") for number in NUMBER.findall(re.sub(r"(?:[\w.]+=\S+ ?)+", "", text))]
    assert len(found) == len(expected), f"{text!r}: {found} instead of {expected}"
    for number, value in zip(found, expected, strict=True):
        digits = len(number.partition(".")[2])
        shown = float(number.replace(",", "").replace("−", "-"))
        assert abs(shown - value) <= 0.5 * 10**-digits + 1e-6, f"{text!r}: {number} instead of {value}"


def column(rows: Sequence[Row], field: str, factor: float = 100) -> list[float]:
    return [factor * float(row[field]) for row in rows]


def spread(values: Sequence[float]) -> tuple[float, ...]:
    return (fmean(values), stdev(values)) if len(values) > 1 else (values[0],)


def drops(rows: Sequence[Row], split: str = "test") -> list[float]:
    """Return dense minus final accuracy of each run, in points."""
    pairs = zip(column(rows, f"dense.{split}_accuracy"), column(rows, f"final.{split}_accuracy"), strict=True)
    return [dense - final for dense, final in pairs]


def left(rows: Sequence[Row]) -> float:
    return fmean(column(rows, "params_nonzero", 1))


def dense(shown: Shown, split: str) -> list[float]:
    """Return the accuracies of the dense networks, each once."""
    rows = shown.rows("results.csv")
    return list({row["dense_digest"]: 100 * float(row[f"dense.{split}_accuracy"]) for row in rows}.values())


def binomial(accuracy: float, images: int) -> float:
    """Return the standard error of an accuracy, both in percent."""
    return math.sqrt(accuracy * (100 - accuracy) / images)


def over_seeds(shown: Shown) -> float:
    return median(stdev(drops(rows, "val")) for rows in shown.settings.values())


def tied(shown: Shown, one: Sequence[Row], other: Sequence[Row]) -> bool:
    """Return whether two settings are tied (docs/report.md, "How networks are selected")."""
    typical, freedom = over_seeds(shown), sum(len(rows) - 1 for rows in shown.settings.values())
    quantile = t.ppf(0.975, freedom)
    margins = [quantile * max(stdev(drops(rows, "val")), typical) / math.sqrt(len(rows)) for rows in (one, other)]
    difference = fmean(drops(one, "val")) - fmean(drops(other, "val"))
    images = 1.959964 * 100 * math.sqrt(max(abs(difference) / 100, 1 / IMAGES["val"]) / IMAGES["val"])
    return abs(difference) <= math.hypot(*margins, images)


def smallest(settings: Mapping[str, Sequence[Row]], limit: float) -> str:
    within = [each for each, rows in settings.items() if fmean(drops(rows, "val")) <= limit + 1e-9]
    return min(within, key=lambda each: (left(settings[each]), fmean(drops(settings[each], "val"))))


def frontier(shown: Shown) -> list[str]:
    """Return the settings that no other one beats in parameters left and validation accuracy."""
    points = {each: (left(rows), -fmean(column(rows, "final.val_accuracy"))) for each, rows in shown.settings.items()}
    kept = [a for a, p in points.items() if not any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in points.values())]
    return sorted(kept, key=lambda each: points[each])


# ---- The first screen


def test_the_sentence_and_the_cards(shown: Shown) -> None:
    page = shown.tab.page
    roles = {}
    for card in page.locator(".card").all():
        typed = card.locator("code").first.inner_text()
        rows = shown.settings[typed]
        roles.update(dict.fromkeys((card.get_attribute("data-roles") or "").split(), typed))
        agree(card.locator(".figures").inner_text(), 100 * left(rows) / TOTAL, left(rows), TOTAL)
        terms = dict(zip(card.locator("dt").all_inner_texts(), card.locator("dd").all_inner_texts(), strict=True))
        tests, denses = column(rows, "final.test_accuracy"), column(rows, "dense.test_accuracy")
        agree(terms["test accuracy"], *spread(tests), *spread(denses))
        below, sd = spread(drops(rows, "val"))
        agree(terms["validation accuracy"], *spread(column(rows, "final.val_accuracy")), abs(below), sd)
        assert ("below" if below >= 0 else "above") in terms["validation accuracy"]
        others = [each for each, other in shown.settings.items() if each != typed and tied(shown, rows, other)]
        agree(terms["evidence"].partition("settings")[0], len(SEEDS), len(others))
        best = max(rows, key=lambda row: float(row["final.val_accuracy"]))
        assert all(
            line.split(" --")[0].endswith(f"/{best['run']}") for line in card.locator(".command code").all_inner_texts()
        )
    methods = {each: rows for each, rows in shown.settings.items() if "random" not in each}
    assert roles["smallest"] == smallest(shown.settings, 0.5)
    assert tied(shown, shown.settings[roles["safest"]], shown.settings[roles["recommended"]])
    assert roles["recommended"] in methods
    rows = shown.settings[roles["recommended"]]
    tests, denses = column(rows, "final.test_accuracy"), column(rows, "dense.test_accuracy")
    sizes = (100 * left(rows) / TOTAL, left(rows), TOTAL)
    agree(shown.text(".sentence"), *sizes, *spread(tests), *spread(denses), len(SEEDS))


def test_noise_and_collapsed_settings(shown: Shown) -> None:
    noise = (binomial(fmean(dense(shown, "val")), IMAGES["val"]), IMAGES["val"], over_seeds(shown))
    agree(shown.text("#verdict > .hint"), *noise)
    agree(shown.text("#noise-text"), 0.5, 2.5, IMAGES["val"], *noise)
    collapsed = [each for each, rows in shown.settings.items() if any(row["collapsed"] for row in rows)]
    note = shown.text("#verdict .collapsed")
    agree(note, len(collapsed), len(shown.settings))
    assert [each for each in shown.settings if each in note] == collapsed


def test_the_smallest_network_within_a_limit(shown: Shown) -> None:
    page = shown.tab.page
    for limit in ("2", "0.5"):
        page.locator("#within-number").fill(limit)
        typed = shown.text("#chosen strong")
        assert typed == smallest(shown.settings, float(limit))
        rows = shown.settings[typed]
        below = [abs(fmean(drops(rows, split))) for split in ("val", "test")]
        val, test = (spread(column(rows, f"final.{split}_accuracy")) for split in ("val", "test"))
        sizes = (left(rows), TOTAL, 100 * left(rows) / TOTAL, TOTAL / left(rows))
        agree(shown.text("#chosen .figures"), *sizes, *val, below[0], *test, below[1], len(SEEDS))
        for line, row in zip(page.locator("#chosen li").all(), rows, strict=True):
            agree(line.inner_text().partition("%")[0], float(row["seed"]), 100 * float(row["final.test_accuracy"]))


# ---- Charts


def of_settings(shown: Shown) -> list[tuple[dict[str, Any], list[str]]]:
    """Return the traces of settings with the names of their settings, found by the text of each point."""
    traces = [trace for trace in shown.chart("frontier") if trace["customdata"]]
    return [(trace, [re.sub(r"</?b>", "", text).split("<br>")[0] for text in trace["text"]]) for trace in traces]


def test_the_points_of_the_main_chart_and_their_tooltips(shown: Shown) -> None:
    found = []
    for trace, names in of_settings(shown):
        for place, typed in enumerate(names):
            rows = shown.settings[typed]
            mean, sd = spread(column(rows, "final.test_accuracy"))
            assert trace["x"][place] == pytest.approx(left(rows))
            assert trace["y"][place] == pytest.approx(100 - mean)
            assert trace["above"][place] == pytest.approx(sd, abs=1e-5)
            assert trace["below"][place] == pytest.approx(min(sd, 0.9 * (100 - mean)), abs=1e-5)
            _, test, val, size, *collapsed = trace["text"][place].split("<br>")
            agree(test, mean, sd, *(-value if at == 0 else value for at, value in enumerate(spread(drops(rows)))))
            agree(val, *spread(column(rows, "final.val_accuracy")))
            agree(size, left(rows), len(SEEDS))
            reasons = [row["collapsed"] for row in rows if row["collapsed"]]
            assert bool(collapsed) == bool(reasons)
            assert not reasons or f"{len(reasons)} of {len(rows)} runs: {reasons[0]}" in re.sub(
                "<.*?>", " ", collapsed[0]
            )
            found.append(typed)
    assert sorted(found) == sorted(shown.settings)


def test_lines_frontier_marks_and_rounds_of_the_main_chart(shown: Shown) -> None:
    traces = {trace["name"]: trace for trace in shown.chart("frontier")}

    def place(typed: str) -> tuple[float, float]:
        rows = shown.settings[typed]
        return left(rows), 100 - fmean(column(rows, "final.test_accuracy"))

    def drawn(trace: Mapping[str, Any]) -> list[tuple[float, float]]:
        return [(pytest.approx(x), pytest.approx(y)) for x, y in zip(trace["x"], trace["y"], strict=True)]

    assert [place(each) for each in frontier(shown)] == drawn(traces["frontier, selected by validation"])
    assert [place(smallest(shown.settings, 0.5))] == drawn(traces["smallest within the limit"])
    for criterion, schedule in WORSE:
        line = traces[f"prune={criterion} schedule={schedule}"]
        names = [f"prune={criterion} schedule={schedule} prune.amount={amount}" for amount in AMOUNTS]
        assert [place(each) for each in names] == drawn(line)
    collapsed = [each for each, rows in shown.settings.items() if any(row["collapsed"] for row in rows)]
    assert [place(each) for each in collapsed] == drawn(traces["collapsed"])
    earlier = [trace for trace in shown.chart("frontier") if trace["name"].startswith("earlier rounds")]
    assert len(earlier) == len(AMOUNTS)
    rounds = shown.rows("rounds.csv")
    for trace in earlier:
        typed = trace["name"].removeprefix("earlier rounds, ")
        own = {row["run"] for row in shown.settings[typed]}
        for number, text in enumerate(trace["text"], start=1):
            rows = [row for row in rounds if row["run"] in own and row["round"] == str(number)]
            tests = column(rows, "final.test_accuracy")
            assert trace["x"][number - 1] == pytest.approx(left(rows))
            assert trace["y"][number - 1] == pytest.approx(100 - fmean(tests), rel=1e-5)
            if number < len(trace["text"]):  # the last one is the setting itself
                agree(text, number, *spread(tests), left(rows))


def test_the_dense_network_its_band_and_the_hint(shown: Shown) -> None:
    page, (mean, sd) = shown.tab.page, spread(dense(shown, "test"))
    layout = "document.getElementById('frontier').layout"
    shapes = page.evaluate(f"{layout}.shapes.map(({{type, y0, y1}}) => [type, y0, y1])")
    images = binomial(mean, IMAGES["test"])
    assert shapes == [
        ["rect", pytest.approx(100 - mean + max(images, sd)), pytest.approx(100 - mean - max(images, sd))],
        ["line", pytest.approx(100 - mean), pytest.approx(100 - mean)],
    ]
    texts = page.evaluate(f"{layout}.annotations.map(({{text}}) => text)")
    agree(next(text for text in texts if text.startswith("dense")), mean)
    agree(shown.text("#frontier-hint"), images, IMAGES["test"], sd)
    agree(page.evaluate(f"{layout}.yaxis.title.text"), IMAGES["test"])


def test_single_runs_of_the_main_chart(shown: Shown) -> None:
    page = shown.tab.page
    page.locator("#single").evaluate("box => { box.checked = true; box.dispatchEvent(new Event('change')); }")
    page.wait_for_function("document.getElementById('frontier').data.some(({name}) => name === 'single runs')")
    (trace,) = [trace for trace in shown.chart("frontier") if trace["name"] == "single runs"]
    rows = {row["run"]: row for row in shown.rows("results.csv")}
    found = []
    for x, y, text in zip(trace["x"], trace["y"], trace["text"], strict=True):
        row = rows[text.split(",")[0].removeprefix("run ")]
        test = 100 * float(row["final.test_accuracy"])
        assert (x, y) == (float(row["params_nonzero"]), pytest.approx(100 - test))
        first, second, *collapsed = text.split("<br>")
        agree(first, float(row["run"]), float(row["seed"]))
        agree(second, test)
        assert collapsed == ([f"collapsed: {row['collapsed']}"] if row["collapsed"] else [])
        found.append(row["run"])
    assert sorted(found) == sorted(rows)


@pytest.mark.parametrize(
    ("axis", "field"),
    [
        ("compression", "compression"),
        ("macs_nonzero", "macs_nonzero"),
        ("finetuning_epochs", None),
        ("finetuning_seconds", None),
    ],
)
def test_each_cost_of_the_main_chart(axis: str, field: str | None, shown: Shown) -> None:
    page = shown.tab.page
    page.locator("#axis").select_option(axis)
    try:
        for trace, names in of_settings(shown):
            for place, typed in enumerate(names):
                rows = shown.settings[typed]
                after = [
                    [each for each in shown.result(row["run"])["history"] if each["phase"] != "dense"] for row in rows
                ]
                seconds = [sum(each["seconds"] for each in epochs) for epochs in after]
                own = seconds if axis == "finetuning_seconds" else [len(epochs) for epochs in after]
                assert trace["x"][place] == pytest.approx(fmean(column(rows, field, 1) if field else own), rel=1e-6)
    finally:
        page.locator("#axis").select_option("params_nonzero")


def test_the_heat_map_its_numbers_and_tooltips(shown: Shown) -> None:
    heat, numbers, _ = shown.chart("layers")
    order = sorted(shown.settings, key=lambda each: fmean(column(shown.settings[each], "sparsity")))
    assert heat["y"] == list(LAYERS)
    for place, typed in enumerate(order):
        rows = shown.settings[typed]
        for at, layer in enumerate(LAYERS):
            sparsity, cell = fmean(column(rows, f"layers.{layer}.sparsity")), at * len(order) + place
            assert heat["z"][at][place] == pytest.approx(sparsity)
            agree(heat["text"][cell], sparsity, fmean(column(rows, "sparsity")))
            assert typed in heat["text"][cell].replace("<br>", " ")
            agree(re.sub("[✕ ]|</?b>", "", numbers["text"][cell]), sparsity)
            dead = any(layer in row["dead_layers"].split() for row in rows)
            assert ("✕" in numbers["text"][cell]) is dead


def test_the_curves_of_fine_tuning_and_their_tooltips(shown: Shown) -> None:
    found = set()
    for trace in shown.chart("tuning"):
        for x, y, run, text in zip(trace["x"], trace["y"], trace["customdata"], trace["text"], strict=True):
            if run is not None:
                result = shown.result(str(run))
                start = (result["rounds"] or [result])[0]["pruned"]["val_accuracy"]
                after = [start, *(each["val_accuracy"] for each in result["history"] if each["phase"] != "dense")]
                assert y == pytest.approx(100 - 100 * after[x], rel=1e-5)
                agree(text.split("<br>")[0].replace("<b>", "").replace("</b>", ""), run, x, 100 * after[x])
                found.add((run, x))
    assert len(found) == 2 * len(shown.rows("results.csv"))


# ---- Tables, panels, facts


def test_the_table_of_settings_and_their_runs(shown: Shown) -> None:
    page = shown.tab.page
    page.locator("#filter").fill("")
    if page.locator("#whole").is_visible():
        page.locator("#whole").click()  # all columns, also if they are wider than the page
    for toggle in page.locator("button[data-setting]").all():
        toggle.click()
    heads = [head.rstrip(" ▲▼") for head in page.locator("#table > thead th").all_inner_texts()]
    cells = [
        row.locator(":scope > td").all_inner_texts() for row in page.locator("#table > tbody > tr:not(.detail)").all()
    ]
    details = page.locator("#table > tbody > tr.detail").all()
    assert len(cells) == len(shown.settings)
    for row, detail in zip((dict(zip(heads, each, strict=True)) for each in cells), details, strict=True):
        rows = shown.settings[name(row)]
        collapsed = sum(bool(each["collapsed"]) for each in rows)
        agree(row["seeds"], len(SEEDS))
        agree(row["parameters left"], left(rows))
        agree(row["sparsity"], fmean(column(rows, "sparsity")))
        agree(row["test"].removeprefix("✕ "), *spread(column(rows, "final.test_accuracy")))
        assert row["test"].startswith("✕") is bool(collapsed)
        mean, sd = spread(drops(rows))
        agree(row["difference"], -mean, sd)
        agree(row["collapsed runs"], *((collapsed, len(rows)) if collapsed else (0,)))
        agree(row["validation"], *spread(column(rows, "final.val_accuracy")))
        agree(row["compression"], fmean(column(rows, "compression", 1)))
        agree(row["multiply-adds"], fmean(column(rows, "macs_nonzero", 1)))
        for line, each in zip(detail.locator(".inner tbody tr").all(), rows, strict=True):
            check_run(line.locator("td").all_inner_texts(), each)
    page.locator("#whole").click()


def check_run(cells: Sequence[str], row: Row) -> None:
    final, before = (100 * float(row[f"{point}.test_accuracy"]) for point in ("final", "dense"))
    assert cells[0] == row["run"]
    agree(cells[1], float(row["seed"]))
    agree(cells[2], float(row["params_nonzero"]))
    agree(cells[3], 100 * float(row["sparsity"]))
    agree(cells[4], before)
    agree(cells[5], 100 * float(row["pruned.test_accuracy"]))
    agree(cells[6], final)
    agree(cells[7], final - before)
    agree(cells[8], 100 * float(row["final.val_accuracy"]))
    agree(cells[9], float(row["seconds"]))
    assert cells[10:] == ([row["collapsed"]] if row["collapsed"] else [])


def figures(row: Row) -> dict[str, tuple[float, ...]]:
    """Return the numbers of the panel of a run, in their lines."""
    final, before = (100 * float(row[f"{point}.test_accuracy"]) for point in ("final", "dense"))
    return {
        "test accuracy": (final,),
        "difference to its dense network": (final - before,),
        "test accuracy, dense": (before,),
        "test accuracy, directly after pruning": (100 * float(row["pruned.test_accuracy"]),),
        "validation accuracy": (100 * float(row["final.val_accuracy"]),),
        "parameters left": (float(row["params_nonzero"]), float(row["params_total"])),
        "sparsity": (100 * float(row["sparsity"]),),
        "reduction": (100 * float(row["param_reduction"]),),
        "multiply-adds": (float(row["macs_nonzero"]), float(row["macs_total"])),
        "seed": (float(row["seed"]),),
        "seconds": (float(row["seconds"]),),
    }


def check_curves(shown: Shown, chart: str, runs: Sequence[str], field: str, factor: float) -> None:
    """Compare curves of the dense training and of the epochs after it with `result.json`."""
    for (before, after), run in zip(zip(*[iter(shown.chart(chart))] * 2, strict=True), runs, strict=True):
        result = shown.result(run)
        parts: dict[bool, list[float]] = {True: [], False: []}
        for epoch in result["history"]:
            parts[epoch["phase"] == "dense"].append(factor * epoch[field])
        start = [factor * (result["rounds"] or [result])[0]["pruned"][field]] if field == "val_accuracy" else []
        assert before["y"] == pytest.approx(parts[True], rel=1e-3 if factor == 1 else 1e-5)
        assert before["x"] == [1 - len(parts[True]) + place for place in range(len(parts[True]))]
        assert after["y"] == pytest.approx([*start, *parts[False]], rel=1e-3 if factor == 1 else 1e-5)
        assert after["x"] == [1 - len(start) + place for place in range(len(after["x"]))]


def check_bars(shown: Shown, chart: str, runs: Sequence[str]) -> None:
    for trace, run in zip(shown.chart(chart), runs, strict=True):
        sparsity = [100 * layer["sparsity"] for layer in shown.result(run)["layers"]]
        assert trace["x"] == pytest.approx(sparsity, abs=1e-3)
        for text, value in zip(trace["text"], sparsity, strict=True):
            agree(text, value)


def test_the_panel_of_a_run(shown: Shown) -> None:
    page = shown.tab.page
    try:
        for row in (shown.settings["prune=l1 schedule=iterative prune.amount=0.8"][1], shown.rows("results.csv")[-1]):
            page.evaluate(f"location.hash = '#run={row['run']}'")
            page.wait_for_function(f"document.getElementById('panel-title').textContent === 'Run {row['run']}'")
            page.wait_for_selector("#panel-layers-save", state="attached")
            lines = [line.locator("th, td").all_inner_texts() for line in page.locator("#panel .facts-table tr").all()]
            texts = dict(lines)
            for term, numbers in figures(row).items():
                agree(texts.pop(term), *numbers)
            assert texts == ({"collapsed": row["collapsed"]} if row["collapsed"] else {})
            assert page.locator("#panel p.collapsed").count() == bool(row["collapsed"])
            check_curves(shown, "panel-curves", [row["run"]], "val_accuracy", 100)
            check_curves(shown, "panel-loss", [row["run"]], "val_loss", 1)
            check_bars(shown, "panel-layers", [row["run"]])
            assert shown.text("#panel strong") == name(row)
    finally:
        page.evaluate("location.hash = '#'")
        page.wait_for_selector("#panel", state="hidden")


def test_pinned_runs(shown: Shown) -> None:
    page, rows = shown.tab.page, [shown.rows("results.csv")[number] for number in (0, 10, 26)]
    runs = [row["run"] for row in rows]
    page.evaluate("pins => { location.hash = `#pins=${encodeURIComponent(pins)}`; }", json.dumps(runs))
    try:
        page.wait_for_selector("#pinned-layers-save", state="attached")
        lines = {
            (cells := line.locator("th, td").all_inner_texts())[0]: cells[1:]
            for line in page.locator("#pinned tbody tr").all()
        }
        for place, row in enumerate(rows):
            for term, numbers in figures(row).items():
                agree(lines[term][place] if term != "seed" else row["seed"], *numbers)
            assert lines["collapsed"][place] == (row["collapsed"] or "no")
            assert lines["prune.amount"][place] == row["prune.amount"]
        check_curves(shown, "pinned-curves", runs, "val_accuracy", 100)
        check_bars(shown, "pinned-layers", runs)
    finally:
        page.evaluate("location.hash = '#'")
        page.wait_for_selector("#pinned", state="hidden")


def power(effect: float, pairs: int, alpha: float) -> float:
    """Return the power of a two-sided paired t test, for an effect in standard deviations."""
    limit, shift = t.ppf(1 - alpha / 2, pairs - 1), abs(effect) * math.sqrt(pairs)
    return 1 - float(np.nan_to_num(nct.cdf(limit, pairs - 1, shift)))  # scipy: NaN for 0; the other tail is negligible


def test_the_comparison_of_methods(shown: Shown) -> None:
    def accuracies(criterion: str) -> list[list[float]]:
        """Return the test accuracies in percent of each seed: the area over the amounts, and those of the amounts."""
        found = []
        for seed in SEEDS:
            rows = [row for row in shown.rows("results.csv") if row["seed"] == str(seed)]
            chosen = [row for row in rows if (row["prune"], row["schedule"]) == (criterion, "one_shot")]
            ordered = sorted(chosen, key=lambda row: float(row["prune.amount"]))
            tests = [100 * float(row["final.test_accuracy"]) for row in ordered]
            found.append([trapezoid(tests, AMOUNTS) / (AMOUNTS[-1] - AMOUNTS[0]), *tests])
        return found

    l1, random_weights = accuracies("l1"), accuracies("random")
    figures = []
    for one, other in zip(zip(*l1, strict=True), zip(*random_weights, strict=True), strict=True):
        differences = [a - b for a, b in zip(one, other, strict=True)]
        mean, sd = fmean(differences), stdev(differences)
        half = float(t.ppf(0.975, len(SEEDS) - 1)) * sd / math.sqrt(len(SEEDS))
        p = 2 * float(t.sf(abs(mean) / (sd / math.sqrt(len(SEEDS))), len(SEEDS) - 1))
        needed = next(pairs for pairs in range(2, 1_000) if power(mean / sd, pairs, 0.05 / (1 + len(AMOUNTS))) >= 0.8)
        figures.append((fmean(one), fmean(other), mean, mean - half, mean + half, p, needed))
    holm, largest = {}, 0.0
    for rank, place in enumerate(sorted(range(len(figures)), key=lambda place: figures[place][5])):
        largest = holm[place] = max(largest, (len(figures) - rank) * figures[place][5])
    page = shown.tab.page
    page.locator("#comparison details").evaluate("node => { node.open = true; }")
    ranked, compared = page.locator("#comparison table").all()
    for line, method in zip(ranked.locator("tbody tr").all(), (l1, random_weights), strict=True):
        areas = [seed[0] for seed in method]
        half = float(t.ppf(0.975, len(SEEDS) - 1)) * stdev(areas) / math.sqrt(len(SEEDS))
        name, rank, *cells = line.locator("td").all_inner_texts()
        assert (name, rank) == (("l1", "1.00") if method is l1 else ("random", "2.00"))
        agree(" ".join(cells), fmean(areas), fmean(areas) - half, fmean(areas) + half, len(SEEDS))
    lines = compared.locator("tbody tr").all()
    for place, (line, (one, other, mean, low, high, _, needed)) in enumerate(zip(lines, figures, strict=True)):
        cells = line.locator("td").all_inner_texts()
        assert (cells[0], cells[2]) == ("area" if place == 0 else f"{AMOUNTS[place - 1]:g}", "random")
        agree(" ".join((cells[1], *cells[3:7], cells[9])), one, other, mean, low, high, len(SEEDS), needed)
        assert cells[7] == ("<0.001" if holm[place] < 0.001 else f"{holm[place]:.3f}")
        assert cells[8] == ("win" if holm[place] < 0.05 else "tie")
    won = [holm[place] < 0.05 for place in range(1, len(figures))]
    area = figures[0]
    text = shown.text("#comparison li")
    agree(text.replace("p < 0.001", ""), sum(won), won.count(False), sum(won), won.count(False), 0, *area[2:5])


def test_the_facts(shown: Shown) -> None:
    page = shown.tab.page
    terms = dict(
        zip(page.locator(".facts dt").all_text_contents(), page.locator(".facts dd").all_text_contents(), strict=True)
    )
    count = len(shown.rows("results.csv"))
    agree(terms["Runs"].replace("(0, 1, 2)", ""), count, count, len(shown.settings), len(SEEDS))
    test, val = dense(shown, "test"), dense(shown, "val")
    agree(terms["Dense lenet5"], TOTAL, *spread(test), *spread(val), len(SEEDS))
    noise = (fmean(test), binomial(fmean(test), IMAGES["test"]))
    agree(terms["Data: mnist5k"], IMAGES["val"], IMAGES["test"], *noise)
    volume, least = 0.0, 0.0
    points = [
        (1 - left(rows) / TOTAL, fmean(column(rows, "final.val_accuracy", 1))) for rows in shown.settings.values()
    ]
    for reduction, accuracy in sorted(points, key=lambda point: -point[1]):  # rectangles, from the most accurate
        volume += max(0.0, reduction - least) * accuracy
        least = max(least, reduction)
    agree(terms["Hypervolume"].partition(",")[0], volume)


def test_the_curves_of_sensitivity(browser: Browser, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    runs = [(layer, amount, seed) for layer in ("conv1", "fc1") for amount in (0.5, 0.8, 0.95) for seed in (0, 1)]
    for number, (layer, amount, seed) in enumerate(runs):
        fields = run_fields("l1", "one_shot", amount, seed)
        fields["digest"] = str(number)
        fields["final"] = {each: value - (layer == "fc1") / 64 for each, value in fields["final"].items()}
        fake_run(tmp_path / str(number), fields, layers__include=[layer])
    write_report(gather([tmp_path]), tmp_path)
    tab = Tab(browser, tmp_path_factory.mktemp("tab") / "report.html").open(tmp_path / "report.html")
    shown = Shown(tab, tmp_path)
    for moment in ("pruned", "final"):
        tab.page.locator("#moment").select_option(moment)
        for trace in shown.chart("sensitivity"):
            for place, amount in enumerate((0.5, 0.8, 0.95)):
                own = [str(at) for at, run in enumerate(runs) if run[:2] == (trace["name"], amount)]
                rows = [row for row in shown.rows("results.csv") if row["run"] in own]
                mean, sd = spread(column(rows, f"{moment}.test_accuracy"))
                assert trace["x"][place] == pytest.approx(fmean(column(rows, "sparsity")))
                assert trace["y"][place] == pytest.approx(mean)
                assert trace["above"][place] == trace["below"][place] == pytest.approx(sd)
