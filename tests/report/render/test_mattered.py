"""The section "What mattered" in a real browser."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from browser import Tab, report
from fakes import Sweep, fake_fields, fake_run

SECTION = "section[aria-labelledby=mattered-title]"


def grid(folder: Path) -> Path:
    """Write two criteria at four amounts with two seeds. The second criterion is worse by 2 points."""
    cells = [(c, a, s) for c in ("l1", "random") for a in (0.5, 0.7, 0.8, 0.9) for s in (0, 1)]
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


def kept(tab: Tab) -> int:
    return len(tab.cells("seeds"))


def filter_of(tab: Tab) -> str:
    return tab.page.locator("#filter").input_value()


def drag(tab: Tab, axis: str, start: float, end: float) -> None:
    """Drag along an axis, from one share of its length (0 at the bottom) to another."""
    tab.page.locator(f"[data-axis='{axis}']").scroll_into_view_if_needed()
    box = tab.page.locator(f"[data-axis='{axis}']").bounding_box()
    assert box is not None
    x, places = box["x"] + box["width"] / 2, [box["y"] + 7 + (box["height"] - 14) * (1 - at) for at in (start, end)]
    tab.page.mouse.move(x, places[0])
    tab.page.mouse.down()
    tab.page.mouse.move(x, places[1])
    tab.page.mouse.up()


def test_the_importance_of_settings_is_that_of_the_analysis(opened: Tab) -> None:
    size, accuracy = opened.traces("importance")
    assert accuracy["y"] == ["prune", "prune.amount", "interactions", "seeds"]
    assert accuracy["x"][1] > 90 > accuracy["x"][0]
    assert size["x"] == pytest.approx([0, 100, 0, 0], abs=1e-6)
    assert (
        "Validation accuracy depends most on prune.amount" in opened.page.locator("#importance-sentence").inner_text()
    )
    rows = opened.saved_rows("importance")
    assert [float(row["share"]) for row in rows] == pytest.approx([each / 100 for each in accuracy["x"] + size["x"]])
    assert all(float(row["low"]) <= float(row["share"]) <= float(row["high"]) for row in rows)
    opened.page.locator("#importance").focus()
    opened.page.keyboard.press("ArrowRight")
    assert "of the variance of validation accuracy" in opened.page.locator("#reader").inner_text()


def test_slices_show_accuracy_and_size_against_each_setting(opened: Tab) -> None:
    traces = {trace["name"]: trace for trace in opened.traces("slices")}
    assert len(traces) == 8
    assert traces["prune: accuracy"]["x"] == [0] * 4 + [1] * 4
    assert traces["prune.amount: size"]["y"] == [30_853, 18_512, 12_341, 6_171] * 2
    assert traces["prune.amount: mean size"]["x"] == [0.5, 0.7, 0.8, 0.9]
    assert len(opened.saved_rows("slices")) == 8
    opened.page.locator("#slices").focus()
    opened.page.keyboard.press("ArrowRight")
    opened.page.keyboard.press("Enter")
    assert opened.page.locator("#panel").is_visible()


def test_a_brush_filters_the_whole_page_and_is_in_the_address(opened: Tab, tmp_path: Path) -> None:
    page = opened.page
    drag(opened, "prune.amount", 0.6, 1.05)  # the axis begins at 0.5 and ends at 0.9
    page.wait_for_function("document.getElementById('filter').value === 'prune.amount>=0.8'")
    assert kept(opened) == 4
    page.wait_for_function(
        """() => document.getElementById('frontier').data.filter(({customdata}) => customdata)
        .flatMap(({marker}) => marker.opacity).filter((opacity) => opacity === 1).length === 4"""
    )
    page.locator("#parallel [data-value=random]").click()
    assert filter_of(opened) == "prune.amount>=0.8 prune=random"
    assert kept(opened) == 2
    assert page.locator("#parallel polyline[stroke]").count() == 2
    view = page.evaluate("location.hash")
    assert parse_qs(view[1:]) == {"filter": ["prune.amount>=0.8 prune=random"]}
    opened.open(tmp_path / "report.html", view=view)
    assert kept(opened) == 2
    assert page.locator("#parallel [data-value=random]").get_attribute("aria-pressed") == "true"
    assert page.locator("#parallel polyline[stroke]").count() == 2
    page.locator("[data-axis='prune.amount']").click(position={"x": 15, "y": 60})
    assert filter_of(opened) == "prune=random"
    page.locator("#unbrush").click()
    assert filter_of(opened) == ""
    assert page.locator("#unbrush").is_disabled()


def test_the_filter_is_shown_as_a_brush(opened: Tab) -> None:
    page = opened.page
    page.locator("#filter").fill("prune.amount<=0.7 l1")
    high = page.get_by_role("slider", name="prune.amount, at most")
    assert high.get_attribute("aria-valuenow") == "0.7"
    page.locator("#filter").fill('prune="l1"|random test>90%')
    assert page.locator("#parallel [aria-pressed=true]").count() == 2
    assert kept(opened) == 4
    page.locator("#filter").fill("prune!=l1|random")
    assert "No row has prune != l1|random" in page.locator("#problem").inner_text()


def test_brushes_are_moved_by_keyboard(opened: Tab) -> None:
    page = opened.page
    low = page.get_by_role("slider", name="prune.amount, at least")
    low.focus()
    for expected in (0.7, 0.8):
        page.keyboard.press("ArrowUp")
        assert filter_of(opened) == f"prune.amount>={expected}"
        assert low.get_attribute("aria-valuetext") == str(expected)
    page.keyboard.press("Home")
    assert filter_of(opened) == ""
    page.get_by_role("slider", name="validation, %, at least").focus()
    page.keyboard.press("PageUp")
    assert filter_of(opened).startswith("validation>=")
    assert 0 < kept(opened) < 8
    page.keyboard.press("Delete")
    assert filter_of(opened) == ""
    page.locator("#parallel [data-value=l1]").focus()
    page.keyboard.press("Enter")
    assert filter_of(opened) == "prune=l1"
    page.keyboard.press("Space")
    assert filter_of(opened) == ""


def test_the_parallel_coordinates_are_saved_in_each_format(opened: Tab) -> None:
    assert opened.saved("parallel", "png").startswith(b"\x89PNG")
    drawing = opened.saved("parallel", "svg")
    assert drawing.count(b"<polyline") == 8
    assert b"slider" not in drawing
    rows = opened.saved_rows("parallel")
    assert [row["prune.amount"] for row in rows] == ["0.5", "0.7", "0.8", "0.9"] * 2
    assert float(rows[0]["val_accuracy"]) == pytest.approx(0.977, abs=1e-4)


@pytest.mark.parametrize(("width", "dark"), [(390, True), (1280, False)])
def test_the_section_fits_at_any_width(width: int, dark: bool, tmp_path: Path, tab: Tab) -> None:
    page = tab.open(report(grid(tmp_path)), width, dark).page
    for chart in ("importance", "slices", "parallel"):
        assert page.locator(f"#{chart} svg").first.is_visible(), chart
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    paper = page.locator("#parallel svg > rect").get_attribute("fill")
    assert paper == ("#14171b" if dark else "#ffffff")
    assert tab.complaints == []


def test_the_section_vanishes_if_a_single_setting_varies(sweep: Sweep, tab: Tab) -> None:
    page = tab.open(report(sweep())).page
    assert page.locator(SECTION).is_hidden()
    page.locator("#filter").fill("prune.amount>0.5")
    page.set_viewport_size({"width": 800, "height": 900})
    assert tab.complaints == []


def test_each_data_set_has_its_own_section(tmp_path: Path, tab: Tab) -> None:
    fake_run(tmp_path / "other", fake_fields(0.5, 0, dataset="a", digest="other"), prune__criterion="l1")
    page = tab.open(report(grid(tmp_path))).page
    datasets = page.locator("#task option").all_inner_texts()
    for _ in range(2):
        for dataset in datasets:
            page.locator("#task").select_option(dataset)
            page.wait_for_function(f"document.querySelector('{SECTION}').hidden === {str(dataset == 'a').lower()}")
    assert tab.complaints == []


def test_a_few_runs_have_slices_but_no_importance(tmp_path: Path, tab: Tab) -> None:
    for number, (criterion, amount) in enumerate((c, a) for c in ("l1", "random") for a in (0.5, 0.9)):
        fake_run(tmp_path / str(number), fake_fields(amount, 0, digest=str(number)), prune__criterion=criterion)
    page = tab.open(report(tmp_path)).page
    assert page.locator("#slices").is_visible()
    assert page.locator("#importance-part").is_hidden()
    assert tab.complaints == []
