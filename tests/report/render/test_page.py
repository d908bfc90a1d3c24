"""The page in a real browser. These tests are skipped if Chromium is not installed."""

import base64
import gzip
import json
from pathlib import Path

import pytest
from browser import Tab, report
from fakes import Sweep, fake_fields, fake_run

from prunesweep.report.compute.gather import Runs, gather
from prunesweep.report.compute.values import compute
from prunesweep.report.render.page import page
from prunesweep.report.render.payload import payload
from prunesweep.results.run_directory import RunDirectory

EVIL = "</script><script>window.owned = true</script><img src=x onerror=window.owned=true>"


CHARTS = ("frontier", "layers", "tuning", "sensitivity")

WHOLE_TITLES = """chart => {
  const frame = document.getElementById(chart).getBoundingClientRect();
  const whole = (title) => title.top >= frame.top && title.bottom <= frame.bottom && title.left >= frame.left && title.right <= frame.right;
  return [...document.querySelectorAll(`#${chart} :is(.xtitle, .ytitle)`)].every((title) => whole(title.getBoundingClientRect()));
}"""  # noqa: E501


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_every_chart_is_drawn_at_any_width_without_errors(width: int, dark: bool, sweep: Sweep, tab: Tab) -> None:
    folder = sweep()
    for number, amount in enumerate((0.3, 0.6), start=20):
        fake_run(folder / str(number), fake_fields(amount, 0), layers__include=["conv1"])
    opened = tab.open(report(folder), width, dark)
    for chart in CHARTS:
        assert opened.page.locator(f"#{chart} .main-svg").first.is_visible(), chart
        assert opened.page.evaluate(WHOLE_TITLES, chart), f"the title of an axis of {chart} is cut off"
    ticks = opened.page.locator("#frontier .xaxislayer-above .xtick").all_text_contents()
    assert {"1,000", "10,000"} < set(ticks), "labels in full, also between the powers of ten"
    assert opened.complaints == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    background = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(20, 23, 27)" if dark else "rgb(255, 255, 255)")


@pytest.mark.parametrize(
    ("accuracies", "between"),
    [((0.967, 0.968, 0.966, 0.969), {"96.7", "96.8"}), ((0.97, 0.974, 0.966, 0.972), {"96.8", "97", "97.2"})],
)
def test_close_accuracies_have_ticks_between_them(
    accuracies: tuple[float, ...], between: set[str], tmp_path: Path, tab: Tab
) -> None:
    scores = [{"val_accuracy": accuracy, "test_accuracy": accuracy} for accuracy in accuracies]
    for number, final in enumerate(scores[:3]):
        fake_run(tmp_path / str(number), {**fake_fields(0.1 * number, 0, final=final), "dense": scores[3]})
    ticks = tab.open(report(tmp_path)).page.locator("#frontier .yaxislayer-above .ytick").all_text_contents()
    assert between <= set(ticks)


def test_slider_and_axis(sweep: Sweep, tab: Tab) -> None:
    opened = tab.open(report(sweep()))
    shown = opened.page
    # Drops of validation accuracy, mean of seeds 0 and 1: 0.1 + 50 amount^8 points.
    assert opened.chosen() == "prune.amount=0.5"
    shown.locator("#within").focus()
    for _ in range(10):
        shown.keyboard.press("ArrowRight")  # from 0.5 to 1 point; amount 0.8 loses 8.5
    assert opened.chosen() == "prune.amount=0.5"
    shown.locator("#within-number").fill("9")
    assert opened.chosen() == "prune.amount=0.8"
    assert "12,341 of 61,706 parameters left (20.00 %, 5x)" in shown.locator("#chosen").inner_text()
    assert "prunesweep reproduce" in shown.locator("#chosen code").first.inner_text()
    shown.locator("#within-number").fill("0")
    assert "No setting" in shown.locator("#chosen").inner_text()

    def frontier() -> list[float]:
        return next(list(trace["x"]) for trace in opened.traces() if trace["name"].startswith("frontier"))

    assert frontier() == [617, 6171, 12341, 30853, 49365]
    shown.locator("#axis").select_option("macs_nonzero")
    assert frontier() == [4000, 40000, 80000, 200000, 320000]
    assert "Multiply-adds" in (shown.locator("#frontier .xtitle").text_content() or "")
    shown.locator("#axis").select_option("compression")
    assert frontier()[0] == pytest.approx(100, rel=1e-3)
    shown.locator(".options summary").click()
    shown.locator("#scale").select_option("near")
    shown.locator("#attained").check()
    assert any(trace["name"] == "attained by at least one seed" for trace in opened.traces())
    assert opened.complaints == []


def test_values_from_configs_are_text(sweep: Sweep, tab: Tab) -> None:
    folder = sweep(amounts=(0.5, 0.9))
    evil = {"model": EVIL, "dense_digest": EVIL, "overrides": [f"model={EVIL}"]}
    fake_run(folder / "8", fake_fields(0.7, 0, **evil), prune__criterion=EVIL)
    fake_run(folder / "9", fake_fields(0.7, 0, status="failed", overrides=[EVIL], error=EVIL))
    opened = tab.open(report(folder))
    shown = opened.page
    shown.locator("#color").select_option("prune.criterion")
    shown.locator("button[data-setting]").last.click()
    shown.locator("button[data-run]").last.click()
    assert EVIL in shown.locator("#panel strong").first.inner_text()
    assert EVIL in shown.locator("#failed").inner_text()
    assert EVIL in shown.locator("h1").inner_text()
    assert shown.evaluate("window.owned") is None
    assert shown.locator("img").count() == 0
    assert opened.complaints == []


def test_ten_thousand_runs_are_paged(tab: Tab, tmp_path: Path) -> None:
    fake_run(tmp_path / "0", fake_fields(0.5, 0))
    (run,) = gather([tmp_path]).completed

    def numbered(number: int) -> RunDirectory:
        fields = fake_fields(number % 997 / 1000, number % 5, digest=str(number))
        directory = RunDirectory(run.folder, str(number), fields)
        directory.__dict__["settings"] = {**run.settings, "prune.amount": number % 997 / 1000}  # in place of the file
        return directory

    path = tmp_path / "report.html"
    path.write_text(page(compute(Runs(("sweep",), tuple(map(numbered, range(10_000))))), tmp_path))
    assert path.stat().st_size < 6e6
    opened = tab.open(path)
    assert opened.page.locator("#table tbody tr").count() == 25
    opened.page.locator("#next").click()
    assert opened.page.locator("#where").inner_text() == "rows 26 to 50 of 997"
    opened.page.locator("#filter").fill("prune.amount<0.1")
    assert opened.page.locator("#count").inner_text().startswith("100 of 997 settings")
    assert opened.complaints == []


def test_a_sweep_without_a_completed_run_still_has_a_page(tab: Tab, tmp_path: Path) -> None:
    fake_run(tmp_path / "0", fake_fields(0.5, 0, status="failed", error="why"))
    opened = tab.open(report(tmp_path))
    assert "failed" in opened.page.locator("#failed").inner_text()
    assert opened.page.locator("main").is_hidden()
    assert opened.complaints == []


def test_published_results_can_be_shown(tmp_path: Path, tab: Tab) -> None:
    for number, amount in enumerate((0.5, 0.9)):
        fields = fake_fields(amount, 0, model="lenet_300_100", params_total=266_610)
        fake_run(tmp_path / str(number), fields)
    opened = tab.open(report(tmp_path))
    names = "document.getElementById('frontier').data.map(t => t.name)"
    assert "published, lenet_300_100" not in opened.page.evaluate(names)
    opened.page.locator(".options summary").click()
    opened.page.locator("#published").check()
    assert "published, lenet_300_100" in opened.page.evaluate(names)
    opened.page.locator("#axis").select_option("macs_nonzero")
    assert opened.page.locator("#published").is_disabled()


def test_the_page_contains_its_complete_data(sweep: Sweep) -> None:
    folder = sweep()
    values = compute(gather([folder]))
    text = page(values, folder)
    packed = text.split('id="data">')[1].split("<")[0]
    assert json.loads(gzip.decompress(base64.b64decode(packed))) == json.loads(json.dumps(payload(values, folder)))
    assert "http://" not in text.split("<script")[0]


def test_duplicates_are_listed_with_the_run_that_they_repeat(sweep: Sweep, tab: Tab) -> None:
    one, two = sweep("one", (0.5, 0.9), (0,)), sweep("two", (0.5,), (0,))
    path = one / "report.html"
    path.write_text(page(compute(gather([one, two])), one))
    opened = tab.open(path)
    assert opened.page.locator("#count").inner_text() == "2 of 2 settings, 2 runs"
    opened.page.locator("button[data-setting]").first.click()
    first, last = opened.page.locator("button[data-run]").all()
    assert "(duplicate)" in opened.page.locator(".inner tbody tr").last.inner_text()
    name = first.inner_text()
    last.click()
    assert f"Duplicate of run {name}" in opened.page.locator("#panel").inner_text()
    assert "over 1 seed." in opened.page.locator("#chosen").inner_text()
