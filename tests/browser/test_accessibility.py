"""Everybody can use the page: light and dark, wide and narrow, with a keyboard, with a screen reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser import sample_results
from tests.browser.opened_page import SIZES, Open, Opened, Store

VIEWS = (
    "", "columns=variant", "same=all", "view=checks", "view=compare", "view=compare&same=all",
    "view=plots", "view=plots&plot=latency", "view=plots&plot=ratio",
    "view=plots&plot=memory", "view=plots&plot=history", "device=none-such",
)  # fmt: skip
GRAVE = ("serious", "critical")


@pytest.fixture
def page(written: Store) -> Path:
    return written(sample_results.OLDER, sample_results.RESULTS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_view_is_accessible_in_every_size_and_scheme(
    opened: Open, page: Path, size: str, scheme: str
) -> None:
    shown = opened(page, size=size, scheme=scheme)
    for view in VIEWS:
        shown.go(view)
        if "plots" in view:
            shown.page.locator("figure").first.wait_for()
        assert _grave(shown) == [], view
    shown.go("outcome=failed")
    shown.page.locator("#summary a").first.click()
    shown.page.get_by_role("dialog").get_by_text("test_cast[tiny-fp16]").first.click()
    assert _grave(shown) == [], "evidence"


def _grave(shown: Opened) -> list[str]:
    violations = Axe().run(shown.page).response["violations"]
    return [
        f"{violation['id']}: {node['html'][:200]}"
        for violation in violations
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_wider_than_the_window(opened: Open, page: Path, size: str) -> None:
    shown = opened(page, size=size)
    for view in VIEWS:
        shown.go(view)
        wide = shown.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= SIZES[size][0], view
        margin = shown.page.evaluate("document.elementFromPoint(3, 200).tagName")
        assert margin in ("BODY", "HTML"), f"{view}: something lies in the margin"


def test_reachable_without_a_mouse(opened: Open, page: Path) -> None:
    shown = opened(page)
    reached = set()
    for _ in range(60):
        shown.page.keyboard.press("Tab")
        reached.add(
            shown.page.evaluate("(document.activeElement.id || document.activeElement.innerText).trim()")
        )
    assert {"search", "view-checks", "view-compare", "view-plots", "columns", "sorted"} <= reached
    assert any("Device" in text for text in reached)


def test_no_outcome_is_told_by_colour_alone(opened: Open, page: Path) -> None:
    """Every coloured outcome has a sign and a word."""
    shown = opened(page)
    for text in shown.page.locator(".outcome").all_inner_texts():
        sign, _, word = text.partition(" ")
        assert sign in "✓≈○✗~–", text
        assert word, text
