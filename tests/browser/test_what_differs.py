"""By default a view shows what differs between environments; what is the same in all is said once."""

from __future__ import annotations

from dataclasses import replace

from playwright.sync_api import expect

from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CellResult, CheckResult
from tests.browser import sample_results
from tests.browser.opened_page import SIZES, Open, Opened, Store

TORCHES = [f"2.{minor}.0" for minor in range(20)]


def check(
    name: str, outcome: str = "passed", group: str = "state", defect: str | None = None, reason: str = ""
) -> CheckResult:
    because = reason or ("" if outcome == "passed" else f"{name} is {outcome}")
    return CheckResult(
        f"test_{group}.py::test_{name}", group, CheckOutcome(outcome), reason=because, defect=defect
    )


def environment(torch: str, *checks: CheckResult) -> CellResult:
    failed = any(one.outcome.is_bad for one in checks)
    return replace(sample_results.cell(torch, 1.0, "failed" if failed else "passed"), checks=list(checks))


def columns(shown: Opened) -> list[str]:
    return shown.page.locator(".slick-header-column .slick-column-name").all_inner_texts()


def everywhere() -> list[CellResult]:
    """Twenty environments that share two known defects; one of them fails in the group of the second."""
    return [
        environment(
            torch,
            check("threads", "known", defect="shared-predictor"),
            check("autocast", "known", "dtype", defect="autocast-numpy"),
            check("cast", "failed" if torch == "2.7.0" else "passed", "dtype"),
            check("leak", "skipped", "leaks"),
        )
        for torch in TORCHES
    ]


def test_what_all_environments_share_is_said_once(opened: Open, written: Store) -> None:
    shown = opened(written(everywhere()))
    assert "dtype" in columns(shown)
    assert not {"state", "leaks"} & {*columns(shown)}
    once = shown.text(".once")
    assert "≈ known state" in once
    assert "○ skipped leaks" in once
    assert "Driver none" in once
    assert "2 known defects wherever they can be tried" in once
    shown.page.locator(".once summary").click()
    assert "shared-predictor" in shown.text(".once")
    assert "autocast-numpy" in shown.text(".once")
    assert "2 defects wherever tried" in shown.text("#summary")
    assert "≈ known" not in shown.text(".grid")


def test_a_switch_shows_all_and_stays_in_the_address(opened: Open, written: Store) -> None:
    shown = opened(written(everywhere()))
    shown.page.get_by_label("show all").check()
    assert {"dtype", "state", "leaks"} <= {*columns(shown)}
    assert "same=all" in shown.page.url
    shown.page.locator("#view-checks").click()
    expect(shown.page.get_by_label("show all")).to_be_checked()
    shown.page.get_by_label("show all").uncheck()
    assert "same=all" not in shown.page.url


def test_checks_that_end_alike_everywhere_are_hidden(opened: Open, written: Store) -> None:
    page = written(everywhere())
    shown = opened(page, "view=checks")
    # The check that fails somewhere passes wherever else it is tried.
    assert _rows(shown) == 1
    assert shown.first_cells(0, 1) == ["test_dtype.py::test_cast"]
    assert shown.text("#hidden").startswith("79 of 80 checks are hidden")
    assert _rows(opened(page, "view=checks&same=all")) == 80
    assert _rows(opened(page, "view=checks&outcome=known")) == 40, "what was asked for is shown"
    assert _rows(opened(page, "view=checks&torch=2.3.0")) == 4, "one environment is compared with none"


def test_a_defect_that_some_are_free_of_stands_in_their_fields(opened: Open, written: Store) -> None:
    results = [
        environment(
            torch, check("threads", outcome, defect="shared-predictor" if outcome == "known" else None)
        )
        for torch, outcome in (("2.1.0", "known"), ("2.2.0", "known"), ("2.3.0", "passed"))
    ]
    page = written(results)
    shown = opened(page)
    assert shown.page.locator(".grid .outcome").all_inner_texts() == ["≈ known", "≈ known", "✓ passed"]
    assert "shared-predictor in 2 environments" in shown.text("#summary")
    assert _rows(opened(page, "view=checks")) == 3


def test_which_of_its_checks_shows_a_shared_defect_does_not_matter(opened: Open, written: Store) -> None:
    """As in the table: an environment is free of a defect only if none of its checks shows it."""
    results = [
        environment(
            torch,
            check("threads", one, defect="shared-predictor" if one == "known" else None),
            check("workers", "known", defect="shared-predictor"),
        )
        for torch, one in (("2.1.0", "known"), ("2.2.0", "passed"))
    ]
    page = written(results)
    shown = opened(page)
    assert "state" not in columns(shown)
    assert "1 known defect wherever it can be tried" in shown.text(".once")
    assert _rows(opened(page, "view=checks")) == 0


def test_where_a_check_cannot_run_differs_from_where_it_can(opened: Open, written: Store) -> None:
    results = [
        environment(torch, check("half", outcome), check("other", "passed"))
        for torch, outcome in (("2.1.0", "skipped"), ("2.2.0", "passed"), ("2.3.0", "passed"))
    ]
    page = written(results)
    texts = opened(page).page.locator(".grid .outcome").all_inner_texts()
    assert texts == ["○ skipped 1/2", "✓ passed", "✓ passed"]
    assert _rows(opened(page, "view=checks")) == 1


def test_what_breaks_an_environment_as_a_whole_is_one_cause(opened: Open, written: Store) -> None:
    broken = environment(
        "2.2.0",
        check("numpy", "failed", "imports", reason="Numpy is not available"),
        *[check(f"cast{at}", "failed", reason=f"another {at} (in setup)") for at in range(5)],
    )
    passed = [replace(one, outcome=CheckOutcome.PASSED, reason="") for one in broken.checks]
    fine = [environment(torch, *passed) for torch in ("2.0.0", "2.1.0")]
    page = written([*fine, broken])
    shown = opened(page, "view=checks")
    assert "✗ 1 cause" in shown.text("#summary")
    assert "6 × Numpy is not available" in shown.text("#summary")
    assert "✗ failed 6 by one cause Numpy is not available" in shown.text(".once")
    assert _rows(shown) == 0
    once = opened(page).text(".once")
    assert "The same in every environment but 1 whose imports are broken" in once
    assert "✓ passed imports, state" in once


def test_twenty_environments_fit_any_screen(opened: Open, written: Store) -> None:
    page = written([*everywhere(), *sample_results.RESULTS])
    for size, (width, _) in SIZES.items():
        for address in ("", "view=checks", "same=all", "view=compare", "view=plots"):
            shown = opened(page, address, size=size)
            assert shown.page.evaluate("document.documentElement.scrollWidth") <= width, address


def _rows(shown: Opened) -> int:
    return int(shown.page.locator(".grid").get_attribute("aria-rowcount") or 0) - 1
