"""The parts of the page in a real browser, one test for each of its promises."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, stdev
from urllib.parse import parse_qs

import numpy as np
import pytest
from browser import Tab, report
from fakes import Sweep, fake_fields, fake_round, fake_run
from safetensors.numpy import save_file

from prunesweep.report.compute.gather import gather
from prunesweep.results.tables import table


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
    assert opened.page.locator("#color").input_value() == "prune.criterion"
    points = named(opened, "l1")
    assert points["x"] == [30853, 12341, 6171]
    assert points["mode"] == "markers"
    line = named(opened, "prune.criterion=random")
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


def test_every_number_of_the_table_is_that_of_results_csv(opened: Tab, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(table(gather([tmp_path]).all))))
    page = opened.page
    for toggle in page.locator("button[data-setting]").all():
        toggle.click()
    shown = page.locator("#table > tbody > tr:not(.detail)").all()
    details = page.locator("#table > tbody > tr.detail").all()
    checked = 0
    for row, detail in zip(shown, details, strict=True):
        runs = [line.locator("td").all_inner_texts() for line in detail.locator(".inner tbody tr").all()]
        members = [next(each for each in rows if each["run"] == run[0]) for run in runs]
        for run, each in zip(runs, members, strict=True):
            final, dense = float(each["final.test_accuracy"]), float(each["dense.test_accuracy"])
            assert run[1:] == [
                each["seed"],
                f"{int(each['params_nonzero']):,}",
                f"{100 * float(each['sparsity']):.2f} %",
                f"{100 * dense:.2f} %",
                f"{100 * float(each['pruned.test_accuracy']):.2f} %",
                f"{100 * final:.2f} %",
                f"{100 * (final - dense):+.2f}".replace("-", "−"),
                f"{100 * float(each['final.val_accuracy']):.2f} %",
                f"{float(each['seconds']):g}",
            ]
            checked += 1
        tests = [float(each["final.test_accuracy"]) for each in members]
        drops = [float(each["final.test_accuracy"]) - float(each["dense.test_accuracy"]) for each in members]
        vals = [float(each["final.val_accuracy"]) for each in members]
        assert row.locator("td").all_inner_texts()[3:] == [
            str(len(members)),
            f"{fmean(int(each['params_nonzero']) for each in members):,.0f}",
            f"{100 * fmean(float(each['sparsity']) for each in members):.2f} %",
            f"{100 * fmean(tests):.2f} ± {100 * stdev(tests):.2f} %",
            f"{100 * fmean(drops):+.2f} ± {100 * stdev(drops):.2f}".replace("-", "−"),
            f"{100 * fmean(vals):.2f} ± {100 * stdev(vals):.2f} %",
            f"{round(fmean(float(each['compression']) for each in members), 2):g}",
            f"{fmean(int(each['macs_nonzero']) for each in members):,.0f}",
        ]
    assert checked == 12


def test_the_table_is_sorted_filtered_and_copied(opened: Tab) -> None:
    page = opened.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("th button[data-column='params_nonzero']").focus()
    page.keyboard.press("Enter")
    assert opened.cells("parameters left") == ["6,171"] * 2 + ["12,341"] * 2 + ["30,853"] * 2
    page.keyboard.press("Enter")  # the button keeps the focus
    assert opened.cells("parameters left")[0] == "30,853"
    for text, count in [
        ("parameters left<10000 prune.criterion=l1", 1),
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
    assert (row["prune.criterion"], row["params_nonzero"], row["seeds"]) == ("l1", "6171", "2")
    assert float(row["test_accuracy.sd"]) == pytest.approx(0.002 / 2**0.5, rel=1e-3)
    assert copies["Markdown"].splitlines()[1].startswith("| ---: | --- | ---: |")
    assert "\\toprule" in copies["LaTeX"]
    assert "$\\pm$" in copies["LaTeX"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("sparcity>0.5", "There is no column “sparcity”. The columns are prune.amount, prune.criterion"),
        ("test>99", "No row has test > 99: it is between 74.28 % and 97.60 %."),
        ("nothing", "No row contains “nothing”."),
        ("seeds=many", "“many” is not a number, and seeds is one."),
        ("prune.criterion=l2", "Its values are l1, random."),
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


def test_runs_are_pinned_and_compared(opened: Tab) -> None:
    page = opened.page
    for setting in (0, 3):
        page.locator(f"button[data-setting='{setting}']").click()
        page.locator(".inner button[data-run]").nth(-2 if setting else 0).click()
        page.locator("#pin").click()
    text = page.locator("#pinned").inner_text()
    assert "prune.criterion\tl1\trandom" in text
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


def test_the_heat_map_has_numbers_and_names_in_dark_mode(tmp_path: Path, tab: Tab) -> None:
    page = tab.open(report(grid(tmp_path)), dark=True).page
    assert "50.0" in page.locator("#layers .heatmap-label").all_text_contents()
    assert any("l1" in tick for tick in page.locator("#layers .xtick").all_text_contents())
    scale = page.evaluate("document.getElementById('layers').data[0].colorscale")
    assert [color for _, color in scale] == ["#1d2227", "#7db8f0"]


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
