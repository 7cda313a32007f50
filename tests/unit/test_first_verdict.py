"""The line that a run prints once the checks that run first have ended."""

from __future__ import annotations

import pytest

from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CheckResult
from samcheck.report.fields import by_precision, fields
from samcheck.report.first_verdict import first_verdict
from samcheck.report.marks import Mark, mark


def check(precision: str, outcome: str, reason: str = "", defect: str | None = None) -> CheckResult:
    name = f"test_correctness.py::test_it[tiny-{precision}-{outcome}]"
    return CheckResult(
        name, "correctness", CheckOutcome(outcome), "tiny", precision, reason=reason, defect=defect
    )


def test_each_precision_gets_a_word_and_its_reason() -> None:
    checks = [
        check("fp32", "passed"),
        check("fp32", "known", "needs OpenCV", "opencv-not-required"),
        check("bf16", "passed"),
        check("tf32", "skipped", "a format of GPUs"),
        check("fp16", "passed"),
        check("fp16", "failed", "masks disagree"),
    ]
    assert first_verdict(checks) == (
        "SAM (tiny) works in fp32, bf16; cannot run in tf32 (a format of GPUs); "
        "fails in fp16 (masks disagree)"
    )


def test_nothing_tried_is_not_taken_for_working() -> None:
    assert first_verdict([]) == "no check of SAM's precisions ran"
    assert first_verdict([check("fp32", "failed", "no")]).startswith("SAM (tiny) works in no precision; ")


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (["passed"], Mark.WORKS),
        (["fixed"], Mark.WORKS),
        (["passed", "skipped"], Mark.WORKS),
        (["skipped", "skipped"], Mark.CANNOT_RUN),
        (["known", "skipped"], Mark.CANNOT_RUN),
        (["passed", "known"], Mark.DIFFERS),
        (["passed", "not-run"], Mark.UNTRIED),
        (["passed", "not-run", "crashed"], Mark.FAILS),
        (["passed", "timed-out"], Mark.FAILS),
    ],
)
def test_mark_of_a_field(outcomes: list[str], expected: Mark) -> None:
    defects = {"known": "d", "fixed": "d"}
    checks = [check("fp32", outcome, "why", defects.get(outcome)) for outcome in outcomes]
    (field,) = fields(checks, by_precision).values()
    assert mark(field, everywhere=()) is expected
    if expected is Mark.DIFFERS:
        assert mark(field, everywhere=("d",)) is Mark.WORKS
        assert mark(field) is Mark.WORKS
