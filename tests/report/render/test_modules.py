"""The parts of the page in a real browser, one test for each of its promises."""

import csv
import io
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest
from browser import Tab, report
from fakes import Sweep, fake_fields, fake_methods, fake_round, fake_run
from playwright.sync_api import Page
from safetensors.numpy import save_file


def grid(folder: Path) -> Path:
    """Write two criteria at three amounts with two seeds. The second criterion is worse by 2 points."""
    cells = [(c, a, s) for c in ("l1", "random") for a in (0.5, 0.8, 0.9) for s in (0, 1)]
    for number, (criterion, amount, seed) in enumerate(cells):
        fields = fake_fields(amount, seed, digest=str(number))
        worse = 0.02 * (criterion == "random")
        fields["final"] = {name: value - worse for name, value in fields["final"].items()}
        fake_run(folder / str(number), fields, prune__criterion=criterion)
    return folder


@pytest.fixture
def opened(tmp_path: Path, tab: Tab) -> Iterator[Tab]:
    yield tab.open(report(grid(tmp_path)))
    assert tab.complaints == []


def named(opened: Tab, name: str) -> dict[str, object]:
    return next(trace for trace in opened.traces() if trace["name"] == name)


def test_the_chart_shows_every_setting_in_the_color_of_its_criterion(opened: Tab) -> None:
    assert opened.page.locator("#color").input_value() == "prune"
    points = named(opened, "l1")
    assert points["x"] == [30853, 12341, 6171]
    assert points["mode"] == "markers"
    line = named(opened, "prune=random")
    assert line["x"] == [30853, 12341, 6171]
    assert line["color"] == named(opened, "random")["color"] != points["color"]
    labels = opened.page.evaluate("document.getElementById('frontier').layout.annotations.map(({text}) => text)")
    assert {"l1", "random"} <= set(labels)
    shapes = opened.page.evaluate("document.getElementById('frontier').layout.shapes.map(({name}) => name)")
    assert "noise" in shapes


def test_rounds_are_lines_in_the_color_of_their_setting(tmp_path: Path, tab: Tab) -> None:
    for number, schedule in enumerate(("iterative", "lottery")):
        fields = fake_fields(0.9, 0, digest=schedule, rounds=[fake_round(1, 0.5, 0), fake_round(2, 0.8, 0)])
        fake_run(tmp_path / str(number), fields, prune__criterion=schedule)
    opened = tab.open(report(tmp_path))
    (one, two) = [trace for trace in opened.traces() if trace["name"].startswith("earlier rounds")]
    assert one["x"] == [30853, 12341, 6171]
    assert one["color"] == named(opened, "iterative")["color"]
    assert two["color"] == named(opened, "lottery")["color"]
    ticks = opened.page.locator("#frontier .xaxislayer-above .xtick").all_text_contents()
    assert len(ticks) >= 3
    assert all(int(tick.replace(",", "") or "5000") >= 5_000 for tick in ticks), "less than a decade has full labels"


def test_the_table_is_sorted_filtered_and_copied(opened: Tab) -> None:
    page = opened.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("th button[data-column='params_nonzero']").focus()
    page.keyboard.press("Enter")
    assert opened.cells("parameters left") == ["6,171"] * 2 + ["12,341"] * 2 + ["30,853"] * 2
    page.keyboard.press("Enter")  # the button keeps the focus
    assert opened.cells("parameters left")[0] == "30,853"
    for text, count in [
        ("parameters left<10000 prune=l1", 1),
        ("sparsity>=80%", 4),
        ("sparsity>=0.8 random", 2),
        ("test>97", 1),
        ("seed=1", 6),
        ("difference<-2", 5),
    ]:
        page.locator("#filter").fill(text)
        assert len(opened.cells("seeds")) == count, text
    page.locator("#filter").fill("sparsity=90% l1")
    copies = {}
    for name in ("CSV", "Markdown", "LaTeX"):
        page.locator("#copies button", has_text=re.compile(f"^{name}$")).click()
        page.wait_for_function("document.querySelector('#copies').textContent.includes('copied')")
        copies[name] = page.evaluate("navigator.clipboard.readText()")
        page.wait_for_function("!document.querySelector('#copies').textContent.includes('copied')")
    (row,) = csv.DictReader(io.StringIO(copies["CSV"]))
    assert (row["prune"], row["params_nonzero"], row["seeds"]) == ("l1", "6171", "2")
    assert float(row["test_accuracy.sd"]) == pytest.approx(0.002 / 2**0.5, rel=1e-3)
    assert copies["Markdown"].splitlines()[1].startswith("| --- | ---: | ---: |")
    assert "\\toprule" in copies["LaTeX"]
    assert "$\\pm$" in copies["LaTeX"]


OVERFLOW = """() => {
  const { scrollWidth, clientWidth } = document.getElementById("table").parentElement;
  return scrollWidth - clientWidth;
}"""


@pytest.mark.parametrize("width", [1280, 390])
def test_the_table_fits_the_page(width: int, tmp_path: Path, tab: Tab) -> None:
    for number, (criterion, amount) in enumerate((c, a) for c in ("l1", "random_layerwise") for a in (0.5, 0.9)):
        for seed in (0, 1):
            fields = fake_fields(amount, seed, digest=f"{number}{seed}")
            config = {
                "prune__criterion": criterion,
                "prune__scope": f"scope_{criterion}",
                "layers__include": [criterion],
            }
            fake_run(tmp_path / f"{number}{seed}", fields, **config)
    page = tab.open(report(tmp_path), width).page
    heads = "[...document.querySelectorAll('#table > thead th')].map((head) => head.innerText.trim())"
    assert page.evaluate(OVERFLOW) <= 0
    assert {"parameters left", "test"} <= set(page.evaluate(heads))
    assert page.locator("#left-out").is_visible()
    page.locator("#whole").click()
    assert "multiply-adds" in page.evaluate(heads)
    page.locator("#whole").click()
    page.locator("button[data-setting]").first.click()
    assert page.evaluate(OVERFLOW) <= 0, "the runs of a setting scroll in their own box"


def test_collapsed_networks_are_marked_everywhere(tmp_path: Path, tab: Tab) -> None:
    reason = "no signal passes fc1"
    for number, (amount, collapsed) in enumerate([(0.5, None), (0.9, reason), (0.9, None)]):
        fake_run(tmp_path / str(number), fake_fields(amount, number % 2, collapsed=collapsed))
    opened = tab.open(report(tmp_path))
    page = opened.page
    assert "1 of 2 settings collapsed in at least one run" in page.locator("#verdict .collapsed").inner_text()
    assert named(opened, "collapsed")["x"] == [6171]
    assert "✕: at least one network of the setting collapsed" in page.locator("#frontier-hint").inner_text()
    row = page.locator("#table > tbody > tr.collapsed")
    assert opened.cells("collapsed runs") == ["0", "1 of 2"]
    assert f"collapsed in 1 of 2 runs: {reason}" == row.get_attribute("title")
    row.locator("button").click()
    assert reason in page.locator(".inner").inner_text()
    page.locator("button[data-run='1']").click()
    assert f"Collapsed: {reason}. This network does not work." in page.locator("#panel p.collapsed").inner_text()
    page.locator("#pin").click()
    assert reason in page.locator("#pinned").inner_text()
    page.locator("#filter").fill("collapsed runs>0")
    assert opened.cells("collapsed runs") == ["1 of 2"]


BOXES = """all => all.map((each) => {
  const { left, right, top, bottom } = each.getBoundingClientRect();
  return { text: each.textContent, left, right, top, bottom };
})"""


def boxes(page: Page, selector: str) -> list[dict[str, Any]]:
    """Return text and edges of elements, from the top downwards."""
    found: list[dict[str, Any]] = page.locator(selector).evaluate_all(BOXES)
    return sorted(found, key=lambda box: float(box["top"]))


def test_labels_do_not_overlap_on_a_phone(tmp_path: Path, tab: Tab) -> None:
    names = ("l1", "l2", "lamp", "snip", "obd", "taylor")
    fake_methods(tmp_path / "short", {name: {0.5: (0.97,), 0.9: (0.95,)} for name in names})
    page = tab.open(report(tmp_path / "short"), width=390).page
    labels = boxes(page, "#frontier .annotation-text")
    ends = [box for box in labels if box["text"] in names]
    assert len(ends) == 6
    assert all(upper["bottom"] <= lower["top"] + 3 for upper, lower in pairwise(ends))
    (dense,) = [box for box in labels if box["text"].startswith("dense")]
    (plot,) = boxes(page, "#frontier .nsewdrag")
    assert dense["left"] >= plot["right"], "no point can be under it"
    assert dense["right"] <= 390


def test_labels_of_dense_networks_do_not_overlap(tmp_path: Path, tab: Tab) -> None:
    for number, model in enumerate(["lenet5", "lenet_300_100"]):
        params = {"lenet5": 61_706}.get(model, 266_610)
        fake_run(tmp_path / str(number), fake_fields(0.5, 0, model=model, params_total=params, dense_digest=model))
    page = tab.open(report(tmp_path), width=390).page
    labels = [box for box in boxes(page, "#frontier .annotation-text") if box["text"].startswith("dense")]
    assert {box["text"].removeprefix("dense")[:6] for box in labels} == {"lenet5", "lenet_"}
    assert labels[0]["bottom"] <= labels[1]["top"] + 3


def test_long_names_of_lines_have_a_legend_on_a_phone(tmp_path: Path, tab: Tab) -> None:
    names = ("random_layerwise", "mine.score_of_a_long_name")
    fake_methods(tmp_path / "long", {name: {0.5: (0.97,), 0.9: (0.95,)} for name in names})
    page = tab.open(report(tmp_path / "long"), width=390).page
    assert page.locator("#frontier .annotation-text").count() == 1
    assert set(names) <= set(page.locator("#frontier .legendtext").all_text_contents())
    page = tab.open(report(tmp_path / "long"), width=1280).page
    assert page.locator("#frontier .annotation-text").count() == 3


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("sparcity>0.5", "There is no column “sparcity”. The columns are prune, prune.amount"),
        ("test>99", "No row has test > 99: it is between 74.28 % and 97.60 %."),
        ("nothing", "No row contains “nothing”."),
        ("seeds=many", "“many” is not a number, and seeds is one."),
        ("prune=l2", "Its values are l1, random."),
        ("sparsity<60% test<80%", "no row meets all of them"),
    ],
)
def test_a_filter_that_matches_nothing_is_explained(text: str, problem: str, opened: Tab) -> None:
    opened.page.locator("#filter").fill(text)
    assert problem in opened.page.locator("#problem").inner_text()
    opened.page.locator("#filter").fill("")
    assert opened.page.locator("#problem").is_hidden()


def test_a_point_opens_the_panel_of_its_run_by_keyboard(opened: Tab) -> None:
    page = opened.page
    page.locator("#frontier").focus()
    page.keyboard.press("ArrowRight")  # to the smallest network
    assert "6,171 parameters left" in page.locator("#reader").inner_text()
    page.keyboard.press("Enter")
    panel = page.locator("#panel")
    assert "prunesweep reproduce" in panel.inner_text()
    assert page.locator("#panel-curves .main-svg").first.is_visible()
    assert page.locator("#panel-layers .main-svg").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    page.locator("#panel .controls button", has_text="1").click()
    assert panel.locator("tr", has_text=re.compile("^seed")).locator("td").inner_text() == "1"
    page.keyboard.press("Escape")
    assert panel.is_hidden()


def test_few_tabs_lead_to_the_filter(opened: Tab) -> None:
    page = opened.page
    page.locator("body").press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to the table of settings"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.locator(":focus").get_attribute("id") == "filter"
    page.locator("#frontier").focus()
    page.keyboard.press("/")
    assert page.locator(":focus").get_attribute("id") == "filter"


def test_the_panel_shows_what_was_pruned(tmp_path: Path, tab: Tab) -> None:
    fake_run(tmp_path / "0", fake_fields(0.5, 0))
    generator = np.random.default_rng(0)
    weights = {"conv1": (6, 1, 5, 5), "fc1": (120, 400)}
    arrays = {f"{name}.weight": generator.normal(size=shape).astype(np.float32) for name, shape in weights.items()}
    for array in arrays.values():
        array[np.abs(array) < 0.7] = 0
    save_file(arrays, tmp_path / "0" / "model.safetensors")
    opened = tab.open(report(tmp_path), view="#run=0")
    figures = opened.page.locator("#panel figure")
    assert figures.evaluate_all("all => all.map(({dataset}) => [dataset.layer, dataset.kind])") == [
        ["conv1", "kernels"],
        ["fc1", "matrix"],
    ]
    left = figures.last.locator("canvas").get_attribute("aria-label") or ""
    share = (arrays["fc1.weight"] != 0).mean()
    assert float(left.split(": ")[1].split(" %")[0]) == pytest.approx(100 * share, abs=0.1)
    assert opened.page.locator("#panel-histogram-1 .main-svg").first.is_visible()
    assert opened.complaints == []


def test_the_picture_of_the_input_states_its_range(tmp_path: Path, tab: Tab) -> None:
    fields = fake_fields(0.5, 0, layers=[{"name": "fc1", "kind": "fc", "total": 79, "nonzero": 9, "sparsity": 0.9}])
    fake_run(tmp_path / "0", fields)
    weight = np.zeros((10, 64), np.float32)
    weight[:3, 8:], weight[0, :8] = 1, 1
    save_file({"fc1.weight": weight}, tmp_path / "0" / "model.safetensors")
    caption = tab.open(report(tmp_path), view="#run=0").page.locator("figure[data-kind=input] figcaption").inner_text()
    assert "Each pixel shows the share of its 10 weights that is left: from 10.0 % (palest) to 30.0 %" in caption
    assert tab.complaints == []


def test_runs_are_pinned_and_compared(opened: Tab) -> None:
    page = opened.page
    for setting in (0, 3):
        page.locator(f"button[data-setting='{setting}']").click()
        page.locator(".inner button[data-run]").nth(-2 if setting else 0).click()
        page.locator("#pin").click()
    text = page.locator("#pinned").inner_text()
    assert "prune\tl1\trandom" in text
    assert "97.70 %" in text
    assert len([trace for trace in opened.traces("pinned-curves") if trace["name"].startswith("run")]) == 2
    page.locator("#pinned [aria-label='Unpin run 0']").click()
    assert page.locator("#pinned-hint").is_visible()


def test_the_address_contains_the_view(tmp_path: Path, tab: Tab) -> None:
    path = report(grid(tmp_path))
    page = tab.open(path).page
    assert page.evaluate("location.hash") == ""
    page.locator("#axis").select_option("compression")
    page.locator("#filter").fill("sparsity>=80% l1")
    page.locator(".options summary").click()
    page.locator("#bars").uncheck()
    page.locator("button[data-setting]").first.click()
    page.locator("button[data-run]").first.click()
    view = page.evaluate("location.hash")
    assert parse_qs(view[1:]) == {
        "axis": ["compression"],
        "filter": ["sparsity>=80% l1"],
        "bars": ["false"],
        "run": ["2"],
    }
    page = tab.open(path, view=view).page
    assert page.locator("#axis").input_value() == "compression"
    assert len(tab.cells("seeds")) == 2
    assert page.locator("#panel-title").inner_text() == "Run 2"
    page = tab.open(path, view="#axis=nothing&run=99&pins=x&unknown=1").page
    assert page.locator("#axis").input_value() == "params_nonzero"
    assert tab.complaints == []


def test_charts_are_saved_as_png_svg_and_csv(opened: Tab) -> None:
    assert opened.saved("frontier", "png").startswith(b"\x89PNG")
    assert b"<svg" in opened.saved("frontier", "svg")
    rows = opened.saved_rows("frontier")
    assert [row["params_nonzero"] for row in rows][:3] == ["30853", "12341", "6171"]
    assert [float(row["total"]) for row in opened.saved_rows("layers")] == [0.5, 0.5, 0.8, 0.8, 0.9, 0.9]


def test_no_button_uploads_anything(opened: Tab) -> None:
    page = opened.page
    page.locator("button[data-setting]").first.click()
    page.locator("button[data-run]").first.click()
    titles = "all => [...new Set(all.map((node) => node.dataset.title))]"
    assert set(page.locator(".modebar-btn").evaluate_all(titles)) == {"Zoom", "Pan", "Reset axes"}
    page.locator("details").evaluate_all("all => all.forEach((node) => { node.open = true; })")
    names = {re.sub(r"[\d▸▾]+", "", name) for name in page.locator("button").all_inner_texts()}
    assert not {name for name in names if re.search("share|upload|cloud|send", name, re.IGNORECASE)}
    assert page.evaluate("[...document.querySelectorAll('form, [action], [href^=http]')].length") == 0


def test_print_shows_the_whole_table(sweep: Sweep, tab: Tab) -> None:
    amounts = tuple(number / 100 for number in range(10, 40))
    page = tab.open(report(sweep(amounts=amounts))).page
    assert len(tab.cells("seeds")) == 25
    page.emulate_media(media="print")
    page.wait_for_function("document.querySelectorAll('#table > tbody > tr.detail').length === 30")
    page.emulate_media(media="screen")
    page.wait_for_function("document.querySelectorAll('#table > tbody > tr').length === 25")


def test_a_sensitivity_sweep_begins_with_its_curves(tmp_path: Path, tab: Tab) -> None:
    for number, (layer, amount) in enumerate((c, a) for c in ("conv1", "fc1") for a in (0.5, 0.9)):
        fields = fake_fields(amount, 0, digest=str(number), history=[])
        fake_run(tmp_path / str(number), fields, layers__include=[layer])
    page = tab.open(report(tmp_path)).page
    titles = page.locator("main section:not([hidden]) > h2").all_inner_texts()
    assert titles[0] == "Layer sensitivity"
    assert "Fine-tuning" not in titles, "no run was fine-tuned"


def test_sections_come_back_with_another_data_set(tmp_path: Path, tab: Tab) -> None:
    for number, (dataset, history) in enumerate([("mnist", None), ("mnist5k", [])]):
        changes = {} if history is None else {"history": history, "layers": []}
        fake_run(tmp_path / str(number), fake_fields(0.5, 0, dataset=dataset, digest=dataset, **changes))
    page = tab.open(report(tmp_path)).page
    for task, there in (("1", False), ("0", True)):
        page.locator("#task").select_option(task)
        for chart in ("layers", "tuning"):
            assert page.locator(f"#{chart}").is_visible() is there
    assert tab.complaints == []


@pytest.mark.parametrize("values", [(1e-05, 1.0), (True, False), (None, 3)])
def test_every_value_has_its_color(values: tuple[object, ...], tmp_path: Path, tab: Tab) -> None:
    for number, value in enumerate(values):
        fake_run(tmp_path / str(number), fake_fields(0.5, 0, digest=str(number)), prune__strength=value)
    page = tab.open(report(tmp_path)).page
    page.locator("#color").select_option("prune.strength")
    points = [trace for trace in tab.traces() if trace["mode"] == "markers" and len(trace["x"]) == 1]
    assert len({trace["color"] for trace in points[:2]}) == 2


def luminance(color: str) -> float:
    """Return the relative luminance of `rgb(r, g, b)` (WCAG 2.2)."""
    channels = [int(number) / 255 for number in re.findall(r"\d+", color)[:3]]
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("dark", [False, True])
def test_the_numbers_of_the_heat_map_have_enough_contrast(dark: bool, tmp_path: Path, tab: Tab) -> None:
    for number in range(12):
        fake_run(tmp_path / str(number), fake_fields(number / 11, 0, digest=str(number)))
    page = tab.open(report(tmp_path), dark=dark).page
    shades = page.evaluate("document.getElementById('layers').data[0].colorscale.map(([, shade]) => shade)")
    (low, high) = ([int(shade[at : at + 2], 16) for at in (1, 3, 5)] for shade in shades)
    texts = page.locator("#layers .textpoint text")
    assert texts.count() == 5 * 12
    for text in texts.all()[:12]:
        part = float(text.text_content() or "") / 100
        cell = luminance(f"rgb({','.join(str(round(a + (b - a) * part)) for a, b in zip(low, high, strict=True))})")
        ink = luminance(text.evaluate("node => getComputedStyle(node).fill"))
        assert (max(cell, ink) + 0.05) / (min(cell, ink) + 0.05) >= 4.5, "AA"


def test_the_heat_map_has_the_names_of_the_settings(opened: Tab) -> None:
    assert any("l1" in tick for tick in opened.page.locator("#layers .xtick").all_text_contents())


def test_measured_times_have_no_knee(sweep: Sweep, tab: Tab) -> None:
    page = tab.open(report(sweep())).page
    page.locator("#axis").select_option("finetuning_seconds")
    assert page.locator("#knee").is_hidden()


def test_the_chart_comes_before_paragraphs_on_a_phone(tmp_path: Path, tab: Tab) -> None:
    page = tab.open(report(grid(tmp_path)), width=390).page
    place = "id => document.getElementById(id).getBoundingClientRect().top"
    assert page.evaluate(place, "frontier") < page.evaluate(place, "frontier-hint")
    assert page.evaluate(place, "frontier") < page.evaluate(place, "within")
    page.locator("button[data-setting]").first.click()
    page.locator("button[data-run]").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
