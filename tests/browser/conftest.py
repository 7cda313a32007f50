"""The page in a real Chromium, opened from disk, with everything recorded that it should not do."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Dialog, sync_playwright

from samcheck import files
from samcheck.guest.record import CellResult
from samcheck.report import html
from samcheck.storage import results
from tests.browser.opened_page import PATIENCE_MS, SIZES, Open, Opened, Store

Scheme = Literal["light", "dark"]
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A Chromium: Debian's, else Playwright's. Without one, CI fails, and elsewhere tests are skipped."""
    # Chromium's own sandbox does not work as root; the page is ours.
    options = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_playwright() as player:
        known = [*filter(None, map(shutil.which, CHROMIUMS)), player.chromium.executable_path]
        path = next(filter(_runs, known), None)
        if path is None:
            missing = f"none of {', '.join(CHROMIUMS)} runs here: run tests/browser/browser-up as root"
            if os.environ.get("CI"):
                pytest.fail(missing)
            pytest.skip(missing)
        started = player.chromium.launch(executable_path=path, args=options)
        yield started
        started.close()


def _runs(path: str) -> bool:
    """Ubuntu's chromium-browser, for one, may only say how to get a snap."""
    try:
        return subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.fixture
def written(tmp_path: Path) -> Store:
    """Makes the page of some results; more than one list makes a history."""

    def write(*stores: list[CellResult]) -> Path:
        folders = []
        for number, stored in enumerate(stores):
            folders.append(tmp_path / f"store{number}")
            for at, result in enumerate(stored):
                # Not under its own name, which may be any text.
                device, driver = results.machine_of(result, "machine")
                path = folders[-1] / device / driver / f"{at}.json"
                files.write_atomically(path, results.to_json(result))
        html.write(tmp_path / "page.html", folders)
        return tmp_path / "page.html"

    return write


@pytest.fixture
def opened(browser: Browser) -> Iterator[Open]:
    """Opens a page; in the end it must have asked for nothing and complained of nothing."""
    every: list[Opened] = []

    def show(path: Path, address: str = "", size: str = "wide", scheme: Scheme = "light") -> Opened:
        width, height = SIZES[size]
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        page.set_default_timeout(PATIENCE_MS)
        made = Opened(page, path)
        page.on("console", lambda said: made.complaints.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: made.complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: _dismissed(made, dialog))
        page.on("request", lambda asked: _asked(made, asked.url))
        every.append(made)
        return made.go(address)

    yield show
    for made in every:
        made.page.close()
        assert not made.complaints


def _dismissed(made: Opened, dialog: Dialog) -> None:
    made.complaints.append(f"dialog: {dialog.message}")
    dialog.dismiss()


def _asked(made: Opened, url: str) -> None:
    if url not in ("about:blank", "data:,") and url.partition("#")[0] != made.path.as_uri():
        made.complaints.append(f"request: {url}")
