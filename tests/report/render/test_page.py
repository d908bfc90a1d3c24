"""The page in a real browser, Debian's Chromium; without one these tests are skipped."""

import base64
import gzip
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import Sweep, fake_fields, fake_run
from playwright.sync_api import Browser, Page, sync_playwright

from prunesweep.report.compute.gather import gather
from prunesweep.report.compute.values import compute
from prunesweep.report.render.page import page, payload

CHROMIUM = shutil.which("chromium")
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
EVIL = "</script><script>window.owned = true</script><img src=x onerror=window.owned=true>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


class Opened:
    """A page, and what it complained about or asked the network for."""

    def __init__(self, browser: Browser, path: Path, width: int = 1280, dark: bool = False) -> None:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, offline=True, color_scheme="dark" if dark else "light"
        )
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda told: self.complaints.extend([told.text] * (told.type == "error")))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.complaints.append(request.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("body[data-ready]")
        assert self.complaints.pop(0) == path.as_uri()

    def chosen(self) -> str:
        return self.page.locator("#chosen strong").inner_text()

    def cells(self, column: str) -> list[str]:
        heads = self.page.locator("#table thead th").all_inner_texts()
        place = 1 + [head.rstrip(" ▲▼") for head in heads].index(column)
        return self.page.locator(f"#table tbody tr:not(.detail) td:nth-child({place})").all_inner_texts()


def report(sweep: Path) -> Path:
    path = sweep / "report.html"
    path.write_text(page(compute(gather([sweep])), sweep))
    return path


CHARTS = ("frontier", "layers", "tuning", "sensitivity")

WHOLE_TITLES = """chart => {
  const frame = document.getElementById(chart).getBoundingClientRect();
  const whole = (title) => title.top >= frame.top && title.bottom <= frame.bottom && title.left >= frame.left && title.right <= frame.right;
  return [...document.querySelectorAll(`#${chart} :is(.xtitle, .ytitle)`)].every((title) => whole(title.getBoundingClientRect()));
}"""  # noqa: E501


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_every_chart_is_drawn_at_any_width_without_a_complaint(
    width: int, dark: bool, sweep: Sweep, browser: Browser
) -> None:
    folder = sweep()
    for number, amount in enumerate((0.3, 0.6), start=20):
        fake_run(folder / str(number), fake_fields(amount, 0), layers__include=["conv1"])
    opened = Opened(browser, report(folder), width, dark)
    for chart in CHARTS:
        assert opened.page.locator(f"#{chart} .main-svg").first.is_visible(), chart
        assert opened.page.evaluate(WHOLE_TITLES, chart), f"an axis of {chart} has its title cut off"
    ticks = opened.page.locator("#frontier .xaxislayer-above .xtick").all_text_contents()
    assert {"1,000", "10,000"} < set(ticks), "written out, and some between the powers of ten"
    assert opened.complaints == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    background = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(20, 23, 27)" if dark else "rgb(255, 255, 255)")


@pytest.mark.parametrize(
    ("accuracies", "between"),
    [((0.967, 0.968, 0.966, 0.969), {"96.7", "96.8"}), ((0.97, 0.974, 0.966, 0.972), {"96.8", "97", "97.2"})],
)
def test_accuracies_that_are_close_have_ticks_between_them(
    accuracies: tuple[float, ...], between: set[str], tmp_path: Path, browser: Browser
) -> None:
    scores = [{"val_accuracy": accuracy, "test_accuracy": accuracy} for accuracy in accuracies]
    for number, final in enumerate(scores[:3]):
        fake_run(tmp_path / str(number), {**fake_fields(0.1 * number, 0, final=final), "dense": scores[3]})
    ticks = Opened(browser, report(tmp_path)).page.locator("#frontier .yaxislayer-above .ytick").all_text_contents()
    assert between <= set(ticks)


def test_the_slider_the_axis_and_the_colour(sweep: Sweep, browser: Browser) -> None:
    opened = Opened(browser, report(sweep()))
    shown = opened.page
    # Drops of validation accuracy, mean of seeds 0 and 1: 0.1 + 50 amount^8 points.
    assert opened.chosen() == "prune.amount=0.5"
    shown.locator("#within").focus()
    for _ in range(10):
        shown.keyboard.press("ArrowRight")  # 0.5 -> 1 point: not yet 0.8, which loses 8.5
    assert opened.chosen() == "prune.amount=0.5"
    shown.locator("#within-number").fill("9")
    assert opened.chosen() == "prune.amount=0.8"
    assert "12,341 of 61,706 parameters left (20.00 %, 5x)" in shown.locator("#chosen").inner_text()
    assert "prunesweep reproduce" in shown.locator("#chosen code").first.inner_text()
    shown.locator("#within-number").fill("0")
    assert "No setting" in shown.locator("#chosen").inner_text()

    drawn = "trace => document.getElementById('frontier').data.find(t => t.name.startsWith(trace)).x"
    assert shown.evaluate(drawn, "frontier") == [617, 6171, 12341, 30853, 49365]
    shown.locator("#axis").select_option("macs_nonzero")
    assert shown.evaluate(drawn, "frontier") == [4000, 40000, 80000, 200000, 320000]
    assert "Multiply-adds" in (shown.locator("#frontier .xtitle").text_content() or "")
    shown.locator("#axis").select_option("compression")
    assert shown.evaluate(drawn, "frontier")[0] == pytest.approx(100, rel=1e-3)
    shown.locator("#colour").select_option("seed")
    assert shown.evaluate("document.getElementById('frontier').data.slice(0, 2).map(t => t.name)") == ["0", "1"]
    shown.locator("#scale").select_option("near")
    shown.locator("#attained").check()
    assert shown.evaluate(drawn, "attained by a seed")
    assert opened.complaints == []


def test_the_table_sorts_filters_and_opens_by_keyboard(sweep: Sweep, browser: Browser) -> None:
    opened = Opened(browser, report(sweep()))
    shown = opened.page
    assert opened.cells("run") == [str(number) for number in range(10)]
    head = shown.locator("th button[data-column='params_nonzero']")
    head.focus()
    shown.keyboard.press("Enter")
    assert opened.cells("parameters left")[:3] == ["617", "617", "6,171"]
    shown.keyboard.press("Enter")  # the button has kept the focus
    assert opened.cells("parameters left")[0] == "49,365"
    assert shown.locator("th[aria-sort=descending]").inner_text().startswith("parameters left")
    shown.locator("#filter").fill("seed=1 sparsity>=0.9")
    assert opened.cells("seed") == ["1", "1"]
    assert shown.locator("#count").inner_text() == "2 of 10 runs"
    shown.locator("#table tbody button").first.focus()
    shown.keyboard.press("Enter")
    detail = shown.locator("tr.detail").inner_text()
    assert "prunesweep reproduce" in detail
    assert "prune.criterion=l1" in detail
    assert shown.locator("tr.detail a").first.get_attribute("href") == "7/"
    assert shown.locator(":focus").get_attribute("aria-expanded") == "true"
    assert opened.complaints == []


def test_values_from_configs_are_text(sweep: Sweep, browser: Browser) -> None:
    folder = sweep(amounts=(0.5, 0.9))
    evil = {"model": EVIL, "dense_digest": EVIL, "overrides": [f"model={EVIL}"]}
    fake_run(folder / "8", fake_fields(0.7, 0, **evil), prune__criterion=EVIL)
    fake_run(folder / "9", fake_fields(0.7, 0, status="failed", overrides=[EVIL], error=EVIL))
    opened = Opened(browser, report(folder))
    shown = opened.page
    shown.locator("#colour").select_option("prune.criterion")
    shown.locator("#table tbody button").last.click()
    assert EVIL in shown.locator("tr.detail").inner_text()
    assert EVIL in shown.locator("#lost").inner_text()
    assert EVIL in shown.locator("h1").inner_text()
    assert shown.evaluate("window.owned") is None
    assert shown.locator("img").count() == 0
    assert opened.complaints == []


def test_ten_thousand_runs_are_paged(browser: Browser, tmp_path: Path) -> None:
    fake_run(tmp_path / "0", fake_fields(0.5, 0))
    (run,) = gather([tmp_path]).done
    runs = gather([tmp_path])
    many = [
        replace(run, name=str(number), fields=fake_fields(number % 997 / 1000, number % 5),
                settings={**run.settings, "prune.amount": number % 997 / 1000})
        for number in range(10_000)
    ]  # fmt: skip
    path = tmp_path / "report.html"
    path.write_text(page(compute(replace(runs, done=many)), tmp_path))
    assert path.stat().st_size < 6e6
    opened = Opened(browser, path)
    assert opened.page.locator("#table tbody tr").count() == 25
    opened.page.locator("#next").click()
    assert opened.page.locator("#where").inner_text() == "rows 26 to 50 of 10,000"
    opened.page.locator("#filter").fill("prune.amount<0.1")
    assert opened.page.locator("#count").inner_text().endswith("of 10,000 runs")
    assert opened.complaints == []


def test_a_sweep_without_a_completed_run_still_has_a_page(browser: Browser, tmp_path: Path) -> None:
    fake_run(tmp_path / "0", fake_fields(0.5, 0, status="failed", error="why"))
    opened = Opened(browser, report(tmp_path))
    assert "failed" in opened.page.locator("#lost").inner_text()
    assert opened.page.locator("main").is_hidden()
    assert opened.complaints == []


def test_published_results_can_be_laid_over(tmp_path: Path, browser: Browser) -> None:
    for number, amount in enumerate((0.5, 0.9)):
        fields = fake_fields(amount, 0, model="lenet_300_100", params_total=266_610)
        fake_run(tmp_path / str(number), fields)
    opened = Opened(browser, report(tmp_path))
    names = "document.getElementById('frontier').data.map(t => t.name)"
    assert "published, lenet_300_100" not in opened.page.evaluate(names)
    opened.page.locator("#published").check()
    assert "published, lenet_300_100" in opened.page.evaluate(names)
    opened.page.locator("#axis").select_option("macs_nonzero")
    assert opened.page.locator("#published").is_disabled()


def test_the_page_holds_its_data_whole(sweep: Sweep) -> None:
    folder = sweep()
    values = compute(gather([folder]))
    text = page(values, folder)
    packed = text.split('id="data">')[1].split("<")[0]
    assert json.loads(gzip.decompress(base64.b64decode(packed))) == json.loads(json.dumps(payload(values, folder)))
    assert "http://" not in text.split("<script")[0]


def test_the_payload_names_shared_settings_once(sweep: Sweep) -> None:
    found = payload(compute(gather([sweep()])), Path())
    assert found["settings"]["shared"]["model.name"] == "lenet5"
    assert found["settings"]["varying"]["prune.amount"]["values"] == [0.2, 0.5, 0.8, 0.9, 0.99]
    assert found["runs"]["curve"][0] == pytest.approx([0.88, 0.97, 0.98], abs=1e-4)
