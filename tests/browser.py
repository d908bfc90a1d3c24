"""Pages of a report in a real browser."""

import csv
import io
import shutil
from pathlib import Path
from typing import Any, Self

from playwright.sync_api import Browser, Page

from prunesweep.report.compute.gather import gather
from prunesweep.report.compute.values import compute
from prunesweep.report.render.page import page

CHROMIUM = shutil.which("chromium")
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)


class Tab:
    """A tab of the browser, with the errors and the requests of its page as `complaints`.

    One tab shows all pages at one address, because a browser then compiles Plotly only once.
    """

    def __init__(self, browser: Browser, path: Path) -> None:
        self.path = path
        self.page: Page = browser.new_context(offline=True).new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda entry: self.complaints.extend([entry.text] * (entry.type == "error")))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._note(request.url))

    def _note(self, url: str) -> None:
        if not url.startswith(("data:text/javascript;base64,", "blob:", "data:image/svg+xml")):
            self.complaints.append(url)

    def open(self, path: Path, width: int = 1280, dark: bool = False, view: str = "") -> Self:
        """Show the page of a report. `view` is the part of the address after "#"."""
        self.page.goto("about:blank")
        self.complaints.clear()
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme="dark" if dark else "light")
        shutil.copyfile(path, self.path)
        self.page.goto(self.path.as_uri() + view)
        self.page.wait_for_selector("body[data-ready]")
        assert self.complaints.pop(0).partition("#")[0] == self.path.as_uri()
        return self

    def chosen(self) -> str:
        return self.page.locator("#chosen strong").inner_text()

    def cells(self, column: str) -> list[str]:
        """Return the cells of a column of the table of settings."""
        heads = self.page.locator("#table > thead th").all_inner_texts()
        place = 1 + [head.rstrip(" ▲▼") for head in heads].index(column)
        return self.page.locator(f"#table > tbody > tr:not(.detail) > td:nth-child({place})").all_inner_texts()

    def traces(self, chart: str = "frontier") -> list[dict[str, Any]]:
        """Return what a chart draws, after a change that is drawn a moment later."""
        self.page.wait_for_selector("body:not([data-pending])")
        found: list[dict[str, Any]] = self.page.evaluate(
            """chart => document.getElementById(chart).data.map(({name, x, y, mode, line, marker}) =>
            ({name, x: [...(x ?? [])], y: [...(y ?? [])], mode, color: line?.color ?? marker?.color, dash: line?.dash,
            symbol: marker?.symbol}))""",
            chart,
        )
        return found

    def saved(self, chart: str, form: str) -> bytes:
        """Press a button that saves a chart, and return the content of the file."""
        self.page.locator(f"#{chart}-save").evaluate("node => { node.open = true; }")
        with self.page.expect_download() as download:
            self.page.locator(f"#{chart}-save [data-save={form}]").click()
        return Path(download.value.path()).read_bytes()

    def saved_rows(self, chart: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.saved(chart, "csv").decode())))


def report(sweep: Path) -> Path:
    """Write the page of the report on a sweep."""
    path = sweep / "report.html"
    path.write_text(page(compute(gather([sweep])), sweep))
    return path
