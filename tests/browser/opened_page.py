"""A page that is open, and what its tests ask of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Page

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
