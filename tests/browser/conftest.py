"""The page in a real Chromium, opened from disk, with everything recorded that it should not do."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from samcheck import results
from samcheck.guest.record import CellResult
from samcheck.report import html

# Results to start from, and texts that break careless reports.
sys.path.append(str(Path(__file__).parents[1] / "unit"))

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
#: Wide screens, and phones; in pixels.
SIZES = {"wide": (1440, 900), "narrow": (390, 844)}

PATIENCE_MS = 10_000


@dataclass
class Opened:
    """A page, and what it said or asked for that it should not."""

    page: Page
    path: Path
    complaints: list[str] = field(default_factory=list)

    def go(self, address: str) -> Opened:
        """To a view of the page, as whoever gets the address does: loaded anew."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.path.as_uri()}#{address}")
        self.page.wait_for_selector("html[data-ready]")
        return self

    def text(self, selector: str) -> str:
        return self.page.locator(selector).inner_text()

    def first_cells(self, column: int, count: int = 3) -> list[str]:
        """What stands in the first rows that are in sight."""
        cells = self.page.locator(f".slick-row .slick-cell.l{column}")
        cells.first.wait_for()
        # Rows stand where their offset says, whatever their order among the elements is.
        placed = cells.evaluate_all(
            "all => all.map(one => [one.parentElement.getBoundingClientRect().top, one.innerText])"
        )
        return [text for _, text in sorted(placed, key=lambda pair: pair[0])[:count]]


Store = Callable[..., Path]
Open = Callable[..., Opened]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; on CI its absence is a failure, elsewhere the tests are skipped."""
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        missing = f"none of {', '.join(CHROMIUMS)} is there: run tests/browser/browser-up as root"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    # Chromium's own sandbox does not work as root; the page is ours.
    options = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_playwright() as player:
        started = player.chromium.launch(executable_path=path, args=options)
        yield started
        started.close()


@pytest.fixture
def written(tmp_path: Path) -> Store:
    """Makes the page of some results; more than one list makes a history."""

    def write(*stores: list[CellResult]) -> Path:
        folders = []
        for number, found in enumerate(stores):
            folders.append(tmp_path / f"store{number}")
            for at, each in enumerate(found):
                # Not under its own name, which may be any text.
                parts = results.place(folders[-1], each, "machine").relative_to(folders[-1]).parts
                path = folders[-1] / parts[0][:50] / parts[1][:50] / f"{at}.json"
                results.write_atomically(path, results.to_json(each))
        html.write(tmp_path / "page.html", folders)
        return tmp_path / "page.html"

    return write


@pytest.fixture
def opened(browser: Browser) -> Iterator[Open]:
    """Opens a page; in the end it must have asked for nothing and complained of nothing."""
    every: list[Opened] = []

    def show(path: Path, address: str = "", size: str = "wide", scheme: str = "light") -> Opened:
        width, height = SIZES[size]
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        page.set_default_timeout(PATIENCE_MS)
        made = Opened(page, path)
        page.on("console", lambda said: made.complaints.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: made.complaints.append(f"error: {error}"))
        page.on("dialog", lambda asked: (made.complaints.append(f"dialog: {asked.message}"), asked.dismiss()))
        page.on("request", lambda asked: _asked(made, asked.url))
        every.append(made)
        return made.go(address)

    yield show
    for made in every:
        made.page.close()
        assert not made.complaints


def _asked(made: Opened, url: str) -> None:
    if url not in ("about:blank", "data:,") and url.partition("#")[0] != made.path.as_uri():
        made.complaints.append(f"request: {url}")
