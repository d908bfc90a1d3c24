"""Sizes of files and latencies on the page, in a real browser, compared with results.csv beside it."""

import csv
from pathlib import Path

import pytest
from browser import Tab
from fakes import fake_fields, fake_run

from prunesweep.report.compute.gather import gather
from prunesweep.report.render.files import write_report

MEASURED = [(0.5, 9_154, 66_651, 41.26), (0.8, 4_358, 19_510, 12.5), (0.95, 976, 6_479, 0.987)]
TITLES = {
    "packed_bytes": "Bytes of the packed file (of export --format packed, header included)",
    "file_bytes": "Bytes of the plain file (of export --format csr, or of the network without pruned channels)",
    "latency_us": "Microseconds per image (median of export --format c on one thread)",
}


@pytest.fixture
def searched(tmp_path: Path) -> Path:
    folder = tmp_path / "search"
    for number, (amount, packed, plain, latency) in enumerate(MEASURED):
        fields = fake_fields(amount, 0, packed_bytes=packed, file_bytes=plain, latency_us=latency)
        fake_run(folder / str(number), fields, search__objectives=["val_accuracy", "packed_bytes"])
    write_report(gather([folder]), folder)
    return folder


def test_each_measured_cost_is_an_axis_and_the_first_is_that_of_the_search(tab: Tab, searched: Path) -> None:
    page = tab.open(searched / "report.html").page
    assert page.locator("#axis").input_value() == "packed_bytes"
    with (searched / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    for axis, title in TITLES.items():
        page.locator("#axis").select_option(axis)
        points = next(trace for trace in tab.traces() if trace["name"] == "settings")
        assert points["x"] == [float(row[axis]) for row in rows], axis
        assert page.evaluate("document.getElementById('frontier').layout.xaxis.title.text") == title
        ends = page.evaluate("document.getElementById('frontier').layout.xaxis.range").copy()
        assert all(ends[0] < each < ends[1] for each in page.evaluate("xs => xs.map(Math.log10)", points["x"]))
    assert tab.complaints == []


def test_the_card_of_a_network_shows_what_was_measured(tab: Tab, searched: Path) -> None:
    card = tab.open(searched / "report.html").page.locator(".card").first.inner_text()
    packed, plain, latency = next(each[1:] for each in MEASURED if f"prune.amount={each[0]}" in card)
    assert [f"{packed:,} bytes" in card, f"{plain:,} bytes" in card, f"{latency:.3g} µs as a C file" in card] == [
        True
    ] * 3


def test_the_table_and_the_panel_of_a_run_have_the_measured_figures(tab: Tab, searched: Path) -> None:
    page = tab.open(searched / "report.html", width=1800).page
    assert tab.cells("packed bytes") == ["9,154", "4,358", "976"]
    assert tab.cells("plain bytes") == ["66,651", "19,510", "6,479"]
    assert tab.cells("µs per image") == ["41.26", "12.5", "0.99"]
    page.evaluate("location.hash = 'run=2'")
    page.wait_for_selector("#panel .facts-table >> text=µs per image")
    facts = dict(
        row.split("\t") for row in page.locator("#panel .facts-table").first.inner_text().splitlines() if "\t" in row
    )
    assert [facts[name] for name in ("packed bytes", "plain bytes", "µs per image")] == ["976", "6,479", "0.99"]


def test_costs_that_no_run_has_are_neither_an_axis_nor_a_column(tab: Tab, tmp_path: Path) -> None:
    for number, amount in enumerate((0.5, 0.9)):
        fake_run(tmp_path / str(number), fake_fields(amount, 0))
    write_report(gather([tmp_path]), tmp_path)
    page = tab.open(tmp_path / "report.html").page
    assert not {*TITLES} & {*page.locator("#axis option").evaluate_all("each => each.map(({value}) => value)")}
    assert "µs per image" not in page.locator("#table > thead").inner_text()
    assert page.locator("#axis").input_value() == "params_nonzero"


def test_the_card_proposes_the_format_that_was_measured(tab: Tab, searched: Path) -> None:
    commands = tab.open(searched / "report.html").page.locator(".card .command code").all_inner_texts()
    assert {each.rpartition(" ")[2] for each in commands if " export " in each} == {"packed"}
