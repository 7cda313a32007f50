"""Compare says what breaks first, counts a cause once, and means what `samcheck compare` means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from samcheck.analysis.compare import grouping, outcome_changes, result_pairs
from samcheck.analysis.compare.outcome_changes import ChangeKind, OutcomeChange
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CellResult, CheckResult
from tests.browser import sample_results
from tests.browser.opened_page import Open, Opened, Store

#: Of a check: before, now, and the defect of each.
CHANGES: dict[str, tuple[str, str, str, str]] = {
    "broken": ("passed", "failed", "", ""),
    "broken again": ("known", "failed", "a-defect", ""),
    "crashed too": ("failed", "crashed", "", ""),
    "recipe": ("passed", "known", "", "onnx-official-recipe"),
    "recipe again": ("passed", "known", "", "onnx-official-recipe"),
    "mended": ("failed", "passed", "", ""),
    "gone": ("known", "fixed", "b-defect", "b-defect"),
    "no longer": ("passed", "skipped", "", ""),
    "now": ("skipped", "passed", "", ""),
    "same": ("known", "known", "c-defect", "c-defect"),
    "flaky": ("passed", "intermittent", "", ""),
}


def checks(side: int, changes: dict[str, tuple[str, str, str, str]]) -> list[CheckResult]:
    return [
        CheckResult(
            f"test_{name}",
            "state",
            CheckOutcome(change[side]),
            reason="" if change[side] == "passed" else f"{name.split()[0]} is {change[side]}",
            defect=change[2 + side] or None,
        )
        for name, change in changes.items()
    ]


def both(before: Sequence[CheckResult], now: Sequence[CheckResult]) -> tuple[CellResult, CellResult]:
    return _environment("2.1.0", before), _environment("2.2.0", now)


def _environment(torch: str, checks: Sequence[CheckResult]) -> CellResult:
    failed = any(check.outcome.is_bad for check in checks)
    return replace(sample_results.cell(torch, 1.0, "failed" if failed else "passed"), checks=list(checks))


def compared(opened: Open, written: Store, results: Sequence[CellResult]) -> Opened:
    return opened(written(list(results)), "view=compare")


def causes(shown: Opened) -> list[tuple[str, str]]:
    """Kind and number of checks of each row."""
    rows = shown.page.get_by_role("region", name="Changes by cause").locator("tbody tr")
    texts = [row.split("\t") for row in rows.all_inner_texts()]
    return [(row[0], row[-1]) for row in texts]


def test_the_verdict_begins_with_what_broke_and_which_defects_appeared(opened: Open, written: Store) -> None:
    shown = compared(opened, written, both(checks(0, CHANGES), checks(1, CHANGES)))
    assert shown.text("#compared") == (
        "Worse: broken: 2 checks by one cause; intermittent: 1 check; defect met: onnx-official-recipe; "
        "no longer tried: 1 check; mended: 1 check; defect gone: b-defect; now tried: 1 check; "
        "other: 1 check."
    )
    same = "1 of 11 checks on both sides have the same outcome; 0 only in A, 0 only in B"
    assert same in shown.text("#view")
    first = shown.first_cells(0, 5)
    assert first == ["broken", "broken", "intermittent", "defect met", "defect met"]


def test_causes_are_those_of_the_command(opened: Open, written: Store) -> None:
    results = both(checks(0, CHANGES), checks(1, CHANGES))
    shown = compared(opened, written, results)
    changes = [change for change in _changes(results) if change.check]
    wanted = [
        (str(kind), str(len(members)))
        for kind in ChangeKind
        for members in grouping.by_cause([change for change in changes if change.kind == kind])
    ]
    assert causes(shown) == wanted
    assert ("defect met", "2") in wanted


def _changes(results: tuple[CellResult, CellResult]) -> list[OutcomeChange]:
    (pair,) = result_pairs.pair_results(results[:1], results[1:])
    return outcome_changes.outcome_changes(pair)


def test_broken_imports_are_one_cause(opened: Open, written: Store) -> None:
    broken = {f"cast {at}": ("passed", "failed", "", "") for at in range(5)}
    imports = CheckResult("test_numpy", "imports", CheckOutcome.PASSED)
    failed = replace(imports, outcome=CheckOutcome.FAILED, reason="Numpy is not available")
    shown = compared(opened, written, both([imports, *checks(0, broken)], [failed, *checks(1, broken)]))
    assert shown.text("#compared") == "Worse: broken: 6 checks by one cause."
    assert causes(shown) == [("broken", "6")]
    assert "Numpy is not available" in shown.text("#view")


def test_results_that_share_no_check_have_nothing_in_common(opened: Open, written: Store) -> None:
    one, other = ({name: ("passed",) * 2 + ("", "")} for name in ("this", "that"))
    shown = compared(opened, written, both(checks(0, one), checks(1, other)))
    assert shown.text("#compared") == "Nothing in common: the two sides share no check."
    assert "1 only in A, 1 only in B" in shown.text("#view")


def test_no_change_is_said_as_such(opened: Open, written: Store) -> None:
    same = {"same": CHANGES["same"]}
    shown = compared(opened, written, both(checks(0, same), checks(1, same)))
    assert shown.text("#compared") == "Nothing changed."
    assert shown.page.locator(".grid").count() == 0
    shown.page.get_by_label("show all").check()
    assert shown.first_cells(0, 1) == ["same"]


def test_an_environment_that_cannot_be_built_any_more_is_broken(opened: Open, written: Store) -> None:
    old, new = both(checks(0, {"same": CHANGES["same"]}), [])
    new = replace(new, observed=None, outcome=CellOutcome.BUILD_FAILED, reason="no wheel")
    shown = compared(opened, written, (old, new))
    assert shown.text("#compared") == "Worse: broken: the environment itself by one cause."
    assert "the environment: passed → build-failed: no wheel" in shown.text("#view")
