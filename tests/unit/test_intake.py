"""What a guest may make the host believe: hostile and damaged lines, in any order."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samcheck.cells import Cell
from samcheck.environments import Ended
from samcheck.facts.requirements import NOTHING
from samcheck.guest.record import CheckOutcome, CheckResult, Fingerprint
from samcheck.run import judge, records
from samcheck.run.intake import Intake
from samcheck.run.records import Attempt

CHECKS = [CheckResult(f"test_a.py::test_{name}", "a", CheckOutcome.NOT_RUN, variant="tiny") for name in "abc"]
A, B, C = (check.check for check in CHECKS)
COLLECTED = {"event": "collected", "checks": [asdict(check) for check in CHECKS]}
ENDED = {"event": "ended", "exit_status": 0}


def started(check: str) -> dict[str, Any]:
    return {"event": "started", "check": check}


def finished(check: str, outcome: str = "passed", **fields: Any) -> dict[str, Any]:
    return {
        "event": "finished",
        "result": {**asdict(CheckResult(check, "a", CheckOutcome.PASSED)), "outcome": outcome, **fields},
    }


def ran(*checks: str) -> list[dict[str, Any]]:
    return [event for check in checks for event in (started(check), finished(check))]


def attempt(*events: object, ended: Ended | None = Ended(0)) -> Attempt:  # noqa: B008  immutable
    """A start of the suite in which the guest said these things, as events or as raw lines."""
    intake = Intake()
    for event in events:
        intake.take(event if isinstance(event, bytes) else json.dumps(event).encode())
    return Attempt(intake.journal, ended, 1.0, "last words")


def outcomes(seen: Attempt) -> list[str]:
    by_check = {check.check: check.outcome for check in records.verdicts([seen], 60.0)}
    return [by_check[check.check] for check in CHECKS]


def test_what_is_in_order_is_believed() -> None:
    seen = attempt(COLLECTED, *ran(A, B, C), ENDED)
    assert seen.complete
    assert outcomes(seen) == ["passed"] * 3
    assert seen.journal.finished[A].variant == "tiny"


@pytest.mark.parametrize("status", [0, 1, 2, 3, 5])
def test_a_suite_that_ends_in_order_before_all_checks_ran_is_not_complete(status: int) -> None:
    end = {"event": "ended", "exit_status": status}
    between = attempt(COLLECTED, *ran(A), end, ended=Ended(status))
    assert not between.complete
    assert outcomes(between) == ["crashed", "not-run", "not-run"]
    within = attempt(COLLECTED, *ran(A), started(B), end, ended=Ended(status))
    assert not within.complete
    assert outcomes(within) == ["passed", "crashed", "not-run"]
    assert f"it ended the whole suite: pytest status {status}" in within.blamed(60.0).reason  # type: ignore[union-attr]


def test_the_check_before_an_end_between_checks_is_blamed_unless_it_is_bad_anyway() -> None:
    bad = attempt(COLLECTED, started(A), finished(A, "failed", reason="as it is"), ended=Ended(75))
    assert bad.blamed(60.0) == bad.journal.finished[A]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        # A check reports that another one passed, and that one is run later all the same.
        ([started(A), started(B), finished(B), finished(A)], ["crashed", "not-run", "not-run"]),
        ([started(A), finished(A), started(B), finished(B), *ran(B)], ["passed", "failed", "not-run"]),
        ([started(A), finished(B), finished(A)], ["failed", "not-run", "not-run"]),
        # It reports itself twice: pytest's report and its own.
        ([started(A), finished(A), finished(A, "failed")], ["failed", "not-run", "not-run"]),
        ([started(A), finished(A, "failed"), finished(A)], ["failed", "not-run", "not-run"]),
        # It takes back, or changes, what was reported before.
        ([*ran(A), started(B), finished(A, "failed"), finished(B)], ["failed", "failed", "not-run"]),
        ([started(A), finished(A, "failed"), started(A), finished(A)], ["failed", "not-run", "not-run"]),
        ([started(A), COLLECTED, finished(A)], ["passed", "not-run", "not-run"]),
        ([*ran(A), {"event": "collected", "checks": []}, *ran(B)], ["passed", "passed", "not-run"]),
        # What it reports of itself is no result.
        ([started(A), finished(A, "splendid")], ["failed", "not-run", "not-run"]),
        ([started(A), finished(A, "not-run")], ["failed", "not-run", "not-run"]),
        ([started(A), finished(A, seconds="long")], ["failed", "not-run", "not-run"]),
        ([started(A), finished(A, seconds=10**400)], ["failed", "not-run", "not-run"]),
        ([started(A), finished(A, metrics={"x": None})], ["failed", "not-run", "not-run"]),
        ([started(A), finished(A, colour="red")], ["failed", "not-run", "not-run"]),
        ([started(A), finished(A, seconds=float("nan"))], ["failed", "not-run", "not-run"]),
        ([started(A), finished(A, reason="\udcff")], ["failed", "not-run", "not-run"]),
        # Checks that nobody collected.
        ([*ran("test_a.py::test_x"), *ran(A)], ["passed", "not-run", "not-run"]),
        (
            [{"event": "started", "check": ["a"]}, {"event": "started"}, {"event": ["started"]}, *ran(A)],
            ["passed", "not-run", "not-run"],
        ),
    ],
)
def test_a_check_lies_about_itself_at_most(events: list[object], expected: list[str]) -> None:
    seen = attempt(COLLECTED, *events, ended=None)
    assert outcomes(seen) == expected
    assert "test_a.py::test_x" not in seen.journal.finished


def test_another_variant_or_group_cannot_be_given_to_a_check() -> None:
    seen = attempt(COLLECTED, started(A), finished(A, group="other", variant="vit_h", precision="fp16"))
    result = seen.journal.finished[A]
    assert (result.group, result.variant, result.precision) == ("a", "tiny", None)


def test_nothing_counts_behind_the_end() -> None:
    seen = attempt(COLLECTED, *ran(A), ENDED, *ran(B, C), ENDED)
    assert outcomes(seen) == ["crashed", "not-run", "not-run"]


@pytest.mark.parametrize("at", ["nan", 10**400, -5, None, [], float("nan")])
def test_the_guests_clock_does_not_count(at: object) -> None:
    seen = attempt(COLLECTED, {**started(A), "at": at}, ended=Ended(None, "SIGSEGV"))
    assert outcomes(seen)[0] == "crashed"
    assert seen.journal.running is not None
    assert 0 <= seen.journal.running[1] < 60


def test_the_first_description_of_weights_counts() -> None:
    said = [{"event": "weights", "variant": "tiny", "description": words} for words in ("true", "false")]
    assert attempt(*said).journal.weights == {"tiny": "true"}


EVENTS = st.one_of(
    st.sampled_from([COLLECTED, ENDED]),
    st.builds(started, st.sampled_from([A, B, C, "x"])),
    st.builds(finished, st.sampled_from([A, B, C, "x"]), st.sampled_from([*"x"])),
    st.fixed_dictionaries(
        {"event": st.sampled_from(["collected", "started", "finished", "weights", "ended", "not-collected"])},
        optional={
            name: st.none() | st.integers() | st.text() | st.floats() | st.lists(st.text())
            for name in ("checks", "check", "result", "variant", "description", "exit_status", "module", "at")
        },
    ),
)
LINES = st.one_of(EVENTS.map(lambda event: json.dumps(event).encode()), st.binary(max_size=50))


@given(st.lists(LINES, max_size=30))
def test_whatever_is_said_the_record_reads_back_as_it_was_believed(lines: list[bytes]) -> None:
    """And each check that was collected is in the result, none of them passed without its own events."""
    intake = Intake()
    record = b"".join(intake.take(line) for line in [json.dumps(COLLECTED).encode(), *lines])
    again = records.Journal()
    for line in record.splitlines():
        again.feed(line)
    assert again == intake.journal
    assert not again.torn
    seen = Attempt(again, Ended(0), 1.0, "")
    by_check = {check.check: check.outcome for check in records.verdicts([seen], 60.0) if "::" in check.check}
    assert set(by_check) == {A, B, C}
    said = [json.loads(line) for line in record.splitlines()]
    for check, outcome in by_check.items():
        if outcome == "passed":
            assert started(check).items() <= next(e for e in said if e.get("check") == check).items()


def test_every_shape_of_the_record_survives_a_replaced_field() -> None:
    """A result of which a field holds something else is no result, or is one of the known kind."""
    good = finished(A)["result"]
    for name in good:
        values: tuple[object, ...] = (None, 1, "x", [], {}, {"x": {}}, True, 1e999)
        for value in values:
            seen = attempt(COLLECTED, started(A), {"event": "finished", "result": {**good, name: value}})
            again = seen.journal.finished.get(A) or replace(CHECKS[0], outcome=CheckOutcome.NOT_RUN)
            assert again.outcome in CheckOutcome


@pytest.mark.parametrize("said", [-1e9, 1e300, 0.0])
def test_no_check_took_longer_than_it_was_seen_to_run(said: float) -> None:
    seen = attempt(COLLECTED, started(A), finished(A, seconds=said))
    assert 0 <= seen.journal.finished[A].seconds < 60


def test_only_what_gets_on_counts_as_progress() -> None:
    intake = Intake()
    for event in (COLLECTED, started(A)):
        intake.take(json.dumps(event).encode())
    before = intake.advanced
    for event in ({}, {"event": "weights", "variant": "x", "description": ""}, started("x"), finished("x")):
        intake.take(json.dumps(event).encode())
    assert intake.advanced == before
    intake.take(json.dumps(finished(A)).encode())
    assert intake.advanced > before


def test_a_status_that_tells_of_failures_is_not_passed_over() -> None:
    seen = attempt(COLLECTED, *ran(A, B, C), {**ENDED, "exit_status": 1}, ended=Ended(1))
    checks = records.verdicts([seen], 60.0)
    assert judge.judge([seen], checks)[0] == "failed"


@pytest.mark.parametrize("torch", ["9" * 5000, "2." + "9" * 5000, "nightly!\x1b[2J"])
def test_what_is_no_version_is_told_in_short(torch: str) -> None:
    seen = Fingerprint("3.11", "CPython", "", "", "", 1, 1, torch=torch)
    (told,) = judge.compare(Cell("2.5.1", "cpu", "3.11"), NOTHING, seen)
    assert "not a version" in told
    assert told.isprintable()
    assert len(told) < 500
