"""The page filters, sorts, shows evidence, compares, draws, and its address brings a view back."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect

from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from tests.browser import sample_results
from tests.browser.opened_page import Open, Store


@pytest.fixture
def page(written: Store) -> Path:
    return written(sample_results.OLDER, sample_results.RESULTS)


def test_first_screen_says_what_works_and_what_not(opened: Open, page: Path) -> None:
    shown = opened(page)
    said = shown.text("#summary")
    assert "✓ 3 of 5 environments" in said
    assert "✗ 2 environments" in said
    assert "no wheel of torch 2.9.1 for Python 3.11" in said
    assert "1 defect wherever tried" in said
    assert ": upstream defects, which fail nothing" in said
    assert "driver\n535.104.05" in said
    assert "2026-11-23" in said
    assert "20 of 24 checks ran" in said
    assert "up to 2 runs of an environment" in said
    box = shown.page.locator("article").last.bounding_box()
    assert box is not None
    assert box["y"] < 500


PASSED = next(result for result in sample_results.RESULTS if result.outcome == "passed")


def test_some_groups_that_held_are_no_environment_that_works(opened: Open, written: Store) -> None:
    part = replace(PASSED, groups=["latency"], cell=replace(PASSED.cell, id="torch2.11.0-cu121-py3.11"))
    shown = opened(written([*sample_results.RESULTS, part]))
    assert "✓ 3 of 5 environments" in shown.text("#summary")
    assert f"{part.cell.id} (only group latency)" in shown.text("body")


def test_runs_of_one_environment_are_one_row(opened: Open, written: Store) -> None:
    """A run of vit_h alone that failed: the environment does not work, and both runs are within reach."""
    failed = replace(
        PASSED,
        variants=["vit_h"],
        outcome=CellOutcome.FAILED,
        finished="2026-11-29T10:00:00+00:00",
        checks=[
            replace(
                check,
                check=check.check.replace("tiny", "vit_h"),
                variant="vit_h",
                outcome=CheckOutcome.FAILED,
            )
            for check in PASSED.checks
            if check.group == "dtype" and check.outcome is CheckOutcome.PASSED
        ],
    )
    shown = opened(written([*sample_results.RESULTS, failed]), "columns=variant")
    assert shown.text("#found") == "5 environments, 25 checks"
    assert "✓ 2 of 5 environments" in shown.text("#summary")
    assert "(only vit_h)" not in shown.text("#view")
    shown.page.locator("#view").get_by_text("failed").last.click()
    dialog = shown.page.locator("#evidence")
    expect(dialog.locator("h2")).to_contain_text(f"{PASSED.cell.id} (only vit_h)")
    shown.page.keyboard.press("Escape")
    shown.page.locator("#view .name").get_by_text(PASSED.cell.id, exact=True).first.click()
    dialog.get_by_role("link", name=f"{PASSED.cell.id} (only vit_h)").click()
    expect(dialog.locator("h2")).to_contain_text(f"{PASSED.cell.id} (only vit_h)")


def test_a_filter_can_be_taken_back(opened: Open, page: Path) -> None:
    shown = opened(page)
    shown.page.locator("details[data-axis=device] summary").click()
    shown.page.get_by_role("checkbox", name="nvidia-v100").check()
    assert shown.text("#found") == "2 environments, 12 checks"
    assert "device=nvidia-v100" in shown.page.url
    shown.page.keyboard.press("Escape")
    shown.page.get_by_label("Search").fill("cast known")
    expect(shown.page.locator("#found")).to_have_text("1 environment, 1 check")
    shown.page.get_by_role("button", name="clear all").click()
    assert shown.text("#found") == "5 environments, 24 checks"


@pytest.mark.parametrize(
    ("address", "count"),
    [
        ("driver=535.104.05", "2 environments, 12 checks"),
        ("torch=2.4.1", "2 environments, 12 checks"),
        ("torch=2.4.1&torch=2.9.1", "3 environments, 12 checks"),
        ("cuda=cu121", "5 environments, 24 checks"),
        ("python=3.11", "5 environments, 24 checks"),
        ("numpy=1.26.4", "0 environments, 0 checks"),
        ("variant=tiny", "4 environments, 20 checks"),
        ("precision=fp32", "4 environments, 8 checks"),
        ("backend=eager", "4 environments, 12 checks"),
        ("group=dtype", "4 environments, 8 checks"),
        ("outcome=failed", "1 environment, 1 check"),
        ("result=build-failed", "1 environment, 0 checks"),
        ("run=older", "2 environments, 12 checks"),
        ("text=WHEEL", "1 environment, 0 checks"),
    ],
)
def test_every_axis_has_a_filter_that_works(opened: Open, page: Path, address: str, count: str) -> None:
    assert opened(page, address).text("#found") == count


def test_versions_are_sorted_as_versions(opened: Open, page: Path) -> None:
    shown = opened(page, "sort=torch&device=cpu-amd-epyc")
    assert [text[:7] for text in shown.first_cells(0, 2)] == ["torch2.", "torch2."]
    assert shown.first_cells(0, 2) == ["torch2.4.1-cu121-py3.11", "torch2.10.0-cu121-py3.11"]
    shown.page.get_by_role("button", name="ascending").click()
    assert shown.first_cells(0, 2) == ["torch2.10.0-cu121-py3.11", "torch2.4.1-cu121-py3.11"]
    assert "sort=-torch" in shown.page.url


def test_sorts_by_click_and_checks_by_severity(opened: Open, page: Path) -> None:
    shown = opened(page, "view=checks")
    shown.page.locator(".slick-header-column[data-id=outcome]").click()
    assert shown.first_cells(1, 2) == ["✗ failed", "≈ known"]
    shown.page.locator(".slick-header-column[data-id=outcome]").click()
    assert shown.first_cells(1, 1) == ["✓ passed"]


def test_field_shows_its_evidence(opened: Open, page: Path) -> None:
    shown = opened(page, "outcome=failed")
    shown.page.locator(".slick-cell", has_text="✗ failed").nth(1).click()
    dialog = shown.page.get_by_role("dialog")
    said = dialog.inner_text()
    assert "Traceback: line 1\nline 2" in said
    assert "threads" in said
    assert "samcheck repro torch2.4.1-cu121-py3.11 'test_dtype.py::test_cast[tiny-fp16]'" in said
    dialog.get_by_text("Environment: versions").click()
    assert "glibc 2.36" in dialog.inner_text()
    shown.page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    assert "open=" not in shown.page.url
    shown.page.go_back()
    dialog.get_by_role("button", name="Close").click()
    dialog.wait_for(state="hidden")
    expect(shown.page).to_have_url(re.compile("#outcome=failed$"))


def test_evidence_of_masks_has_pictures(opened: Open, page: Path) -> None:
    """Only what is a small PNG; the sample calls something else a picture, too."""
    shown = opened(page, "outcome=failed")
    shown.page.locator(".slick-cell", has_text="✗ failed").nth(1).click()
    pictures = shown.page.get_by_role("dialog").locator("figure")
    pictures.first.wait_for()
    assert pictures.all_inner_texts() == ["result"]
    assert pictures.locator("img").evaluate("each => each.decode().then(() => each.naturalWidth)") == 1


def test_evidence_is_reached_by_keyboard(opened: Open, page: Path) -> None:
    shown = opened(page)
    shown.page.locator(".slick-cell.l1").first.click()
    shown.page.keyboard.press("Escape")
    shown.page.keyboard.press("ArrowDown")
    shown.page.keyboard.press("ArrowRight")
    shown.page.keyboard.press("Enter")
    shown.page.get_by_role("dialog").wait_for()


def test_address_brings_the_view_back(opened: Open, page: Path) -> None:
    shown = opened(page, "outcome=failed")
    shown.page.locator(".slick-cell", has_text="✗ failed").nth(1).click()
    shown.page.get_by_role("dialog").wait_for()
    address = shown.page.url.partition("#")[2]
    again = opened(page, address)
    assert again.text("#found") == "1 environment, 1 check"
    assert "torch2.4.1-cu121-py3.11: dtype" in again.page.get_by_role("dialog").inner_text()
    again.page.keyboard.press("Escape")
    again.page.get_by_role("dialog").wait_for(state="hidden")
    again.page.go_back()
    again.page.get_by_role("dialog").wait_for()


def test_closing_evidence_is_a_step_back_at_once(opened: Open, page: Path) -> None:
    """The address says so when the key is handled, not a task later, when someone may have gone back."""
    shown = opened(page, "outcome=failed")
    shown.page.locator(".slick-cell", has_text="✗ failed").nth(1).click()
    dialog = shown.page.get_by_role("dialog")
    dialog.wait_for()
    shown.page.evaluate(
        """() => new MutationObserver(() => { window.left = location.hash; })
        .observe(document.getElementById("evidence"), { attributeFilter: ["open"] })"""
    )
    shown.page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    assert shown.page.evaluate("window.left") == "#outcome=failed"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("axis=device&a=cpu-amd-epyc&b=nvidia-v100", "Worse: defect met: 1 check; mended: 1 check."),
        ("axis=driver&a=none&b=535.104.05", "Nothing in common: the two sides share no check."),
        ("axis=day&a=2026-11-01&b=2026-11-22", "Worse: broken: 1 check by one cause; mended: 1 check."),
    ],
)
def test_values_of_an_axis_are_compared(opened: Open, page: Path, address: str, said: str) -> None:
    assert opened(page, f"view=compare&{address}").text("#compared").startswith(said)


def test_two_environments_are_compared(opened: Open, page: Path) -> None:
    shown = opened(page, "view=compare")
    for label, gpu in (("a", "cpu-amd-epyc"), ("b", "nvidia-v100")):
        options = shown.page.locator(f"#side-{label}").locator("option").all_text_contents()
        wanted = next(
            text for text in options if text.startswith("torch2.4.1") and gpu in text and "-01T" not in text
        )
        shown.page.locator(f"#side-{label}").select_option(label=wanted)
    assert shown.text("#compared") == "Nothing got worse: mended: 1 check."
    assert "535.104.05" in shown.page.locator("table", has_text="driver").inner_text()


@pytest.mark.parametrize(
    ("plot", "title"),
    [
        ("latency", "Latency of encoder"),
        ("ratio", "Ratio of encoder"),
        ("memory", "Memory of tiny in fp32"),
        ("history", "Time of encoder, tiny fp32 eager"),
    ],
)
def test_every_plot_has_marks_and_its_numbers(opened: Open, page: Path, plot: str, title: str) -> None:
    shown = opened(page, f"view=plots&plot={plot}")
    figure = shown.page.locator("figure", has_text=title).first
    figure.wait_for()
    assert figure.locator("[data-mark=dot] > *").count() >= 1
    figure.get_by_text("The same as numbers").click()
    figure.locator("tbody tr").first.wait_for()


def test_ratio_has_an_interval_over_processes(opened: Open, page: Path) -> None:
    shown = opened(page, "view=plots&plot=ratio")
    figure = shown.page.locator("figure", has_text="95 % interval over processes").first
    figure.get_by_text("The same as numbers").click()
    figure.locator("tbody tr").first.wait_for()
    rows = figure.locator("tbody tr").all_inner_texts()
    assert len(rows) == 3
    for row in rows:
        ratio, low, high = map(float, row.split("\t")[2:5])
        assert low <= ratio <= high


@pytest.mark.parametrize(
    "address", ["open=%5B%5D", "open=null", "view=nonsense&columns=x&axis=y", "device=none-such"]
)
def test_odd_address_is_no_error(opened: Open, page: Path, address: str) -> None:
    opened(page, address)
