"""A time stands with its interval over processes, or with the reason why it has none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from samcheck import measurable
from samcheck.guest.record import CellResult, CheckResult, Series
from tests.browser import sample_results
from tests.browser.opened_page import Open, Opened, Store

FAIR = (10.0, 10.1, 10.2)
WIDE = (10.0, 20.0, 40.0)


def timed(torch: str, medians: Sequence[float], disturbed: int = 0) -> CellResult:
    """Of an environment in which each process had one of `medians`, the last of them disturbed."""
    result = sample_results.cell(torch, medians[0])
    marks = [at >= len(medians) - disturbed for at in range(len(medians))]
    series = [
        Series({"wall_ms": [ms] * 3}, 3, 1, "steady", ["another process computed"] if mark else [])
        for ms, mark in zip(medians, marks, strict=True)
    ]
    checks = [replace(check, series=series) if check.series else check for check in result.checks]
    return replace(result, checks=checks)


def check_of(result: CellResult) -> CheckResult:
    return next(check for check in result.checks if check.series)


@pytest.fixture
def results() -> list[CellResult]:
    return [
        timed("2.1.0", FAIR),
        timed("2.2.0", (*FAIR, 900.0), disturbed=1),
        timed("2.3.0", WIDE),
        timed("2.4.0", FAIR[:1]),
        timed("2.5.0", FAIR, disturbed=3),
    ]


def numbers(shown: Opened) -> list[list[str]]:
    shown.page.get_by_text("The same as numbers").first.click()
    shown.page.locator("figure tbody tr").first.wait_for()
    return [row.split("\t") for row in shown.page.locator("figure tbody tr").all_inner_texts()]


def test_only_times_with_an_interval_are_drawn(
    opened: Open, written: Store, results: list[CellResult]
) -> None:
    shown = opened(written(results), "view=plots&plot=latency")
    shown.page.locator("figure").wait_for()
    assert shown.page.locator("figure [data-mark=dot] circle").count() == 2
    caption = shown.text("figcaption")
    assert "95 % interval over processes and runs" in caption
    assert "3 of 5 are left out" in caption
    for result in results[2:]:
        time = measurable.step_time(check_of(result))
        assert time is not None
        assert f"1 × {time.because}" in caption
    assert "1 × not measurable on this machine" in caption


def test_the_interval_is_that_of_every_other_report(
    opened: Open, written: Store, results: list[CellResult]
) -> None:
    shown = opened(written(results), "view=plots&plot=latency")
    shown.page.locator("figure").wait_for()
    texts = [row[-1] for row in numbers(shown)]
    time = measurable.step_time(check_of(results[0]))
    assert time is not None
    assert time.limits is not None
    low, high = time.limits
    assert f"{low:.4g} to {high:.4g} ms (95 % interval, 3 processes)" in texts
    assert f"{low:.4g} to {high:.4g} ms (95 % interval, 3 processes, 1 disturbed left out)" in texts
    assert not any("900" in text for text in texts)


def test_ratios_and_history_draw_such_times_only(
    opened: Open, written: Store, results: list[CellResult]
) -> None:
    older = [
        replace(result, started="2026-11-01T10:00:00", finished="2026-11-01T10:10:00") for result in results
    ]
    page = written(older, results)
    ratio = opened(page, "view=plots&plot=ratio")
    ratio.page.locator("figure").wait_for()
    assert ratio.page.locator("figure [data-mark=dot] circle").count() == 1
    assert "3 of 4 are left out" in ratio.text("figcaption")
    history = opened(page, "view=plots&plot=history")
    figure = history.page.locator("figure", has_text="Time of encoder")
    figure.wait_for()
    assert figure.locator("[data-mark=dot] circle").count() == 4
    assert "6 of 10 are left out" in figure.inner_text()


@pytest.mark.parametrize(
    ("medians", "first"), [(FAIR, "Latency of encoder"), (FAIR[:1], "Memory of tiny in fp32")]
)
def test_the_first_plot_is_the_one_that_holds_most(
    opened: Open, written: Store, medians: tuple[float, ...], first: str
) -> None:
    shown = opened(written([timed(torch, medians) for torch in ("2.1.0", "2.2.0")]), "view=plots")
    shown.page.locator("figure").first.wait_for()
    assert shown.page.locator("figcaption strong").first.inner_text() == first


def test_evidence_says_which_raw_samples_are_disturbed(
    opened: Open, written: Store, results: list[CellResult]
) -> None:
    shown = opened(written(results[1:2]), "view=checks&text=encoder")
    shown.page.locator(".slick-row .slick-cell").first.click()
    dialog = shown.page.get_by_role("dialog")
    dialog.get_by_text("Raw samples of process 4 of 4: disturbed, left out").wait_for()
    said = dialog.inner_text()
    assert "(95 % interval, 3 processes, 1 disturbed left out)" in said
    raw = said.partition("Raw, without an interval: not to be compared")[2]
    assert "median_ms" in raw
    assert "median_ms" not in said.partition("Raw, without")[0]


def test_a_stored_interval_stands_for_its_number(opened: Open, written: Store) -> None:
    result = timed("2.1.0", FAIR)
    metrics = {"time_ratio": 0.5, "time_ratio_low": 0.45, "time_ratio_high": 0.55, "iou": 0.9}
    wide = {"encoder_share": 0.5, "encoder_share_low": 0.1, "encoder_share_high": 2.29}
    checks = [replace(check_of(result), metrics=metrics | wide)]
    shown = opened(written([replace(result, checks=checks)]), "view=checks")
    shown.page.locator(".slick-row .slick-cell").first.click()
    dialog = shown.page.get_by_role("dialog")
    dialog.get_by_text("0.45 to 0.55 (interval)").wait_for()
    said = dialog.inner_text()
    assert "encoder_share\nnot measurable on this machine" in said
    assert "2.29" not in said
    assert "time_ratio_low" not in said
