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
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CheckResult, Fingerprint, Series
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


class Clock:
    """A clock that is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)


def take(intake: Intake, event: object) -> list[dict[str, Any]]:
    """What is recorded of one line of the guest's."""
    return [json.loads(line) for line in intake.take(json.dumps(event).encode()).splitlines()]


def last_words(*events: object, check: str = A) -> tuple[str, str]:
    """Outcome and reason of a check behind these events."""
    result = attempt(COLLECTED, *events).journal.finished[check]
    return result.outcome.value, result.reason


TWICE = "it was reported twice, so one of the reports is not pytest's: another check wrote it"


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([started(A), started(B)], ("crashed", "the guest continued without reporting its end")),
        (
            [started(A), finished(A, "splendid")],
            ("failed", "what the guest reported about it is not a result"),
        ),
        (
            [started(A), finished(B), finished(A)],
            ("failed", "it reported the end of another check, test_a.py::test_b"),
        ),
        ([*ran(A), started(B), finished(A)], ("failed", TWICE)),
        ([*ran(A), started(A)], ("failed", TWICE)),
        # Also behind the end of the suite.
        ([*ran(A), ENDED, started(A)], ("failed", TWICE)),
        ([*ran(A), ENDED, finished(A)], ("failed", TWICE)),
        ([*ran(A), ENDED], ("passed", "")),
    ],
)
def test_what_a_guest_did_wrong_is_said_of_the_check(events: list[object], expected: tuple[str, str]) -> None:
    assert last_words(*events) == expected


def test_each_event_is_recorded_with_its_number_and_the_hosts_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    intake = Intake()
    clock.now += 2.34567
    (collected,) = take(intake, {**COLLECTED, "n": 7, "at": -3})
    assert (collected["n"], collected["at"]) == (0, 2.346)
    clock.now += 1
    assert take(intake, started(A)) == [{**started(A), "n": 1, "at": 3.346}]


def test_a_line_that_makes_two_events_is_two_lines_of_the_record() -> None:
    intake = Intake()
    for event in (COLLECTED, *ran(A)):
        take(intake, event)
    failed, again = take(intake, started(A))
    assert (failed["event"], failed["result"]["outcome"]) == ("finished", "failed")
    assert again["event"] == "started"


def test_a_check_that_runs_when_the_suite_ends_cannot_be_ended_behind_that() -> None:
    seen = attempt(COLLECTED, started(A), ENDED, finished(A))
    assert seen.journal.finished == {}
    assert outcomes(seen)[0] == "crashed"


def test_a_check_that_was_reported_twice_fails_once() -> None:
    intake = Intake()
    for event in (COLLECTED, *ran(A), finished(A)):
        take(intake, event)
    assert take(intake, finished(A)) == []


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(0.98765432, 0.9877), (1.0, 1.0), (99.0, 1.235), (-1.0, 0.0)],
)
def test_a_check_took_what_it_says_or_as_long_as_it_was_seen_to_run(
    monkeypatch: pytest.MonkeyPatch, said: float, seconds: float
) -> None:
    clock = Clock(monkeypatch)
    intake = Intake()
    clock.now += 50.0
    take(intake, COLLECTED)
    take(intake, started(A))
    clock.now += 1.23456
    take(intake, finished(A, seconds=said))
    assert intake.journal.finished[A].seconds == seconds


def test_what_is_collected_while_a_check_runs_ends_it_and_all_belief() -> None:
    """Pytest collects before it runs anything; what does so later is the check."""
    new = {"event": "collected", "checks": [asdict(replace(CHECKS[0], check="test_a.py::test_new"))]}
    seen = attempt(COLLECTED, *ran(A), started(B), new, *ran(C), ENDED, ended=None)
    assert seen.journal.exit_status is None
    assert (seen.journal.finished[B].outcome, seen.journal.finished[B].reason) == (
        CheckOutcome.CRASHED,
        "it reported a collection, as pytest does",
    )
    assert outcomes(seen) == ["passed", "crashed", "not-run"]


def test_a_later_collection_adds_to_an_earlier_one() -> None:
    parts = [{"event": "collected", "checks": [asdict(check)]} for check in CHECKS]
    seen = attempt(*parts, *ran(A, B, C), ENDED)
    assert seen.complete
    assert list(seen.journal.collected) == [A, B, C]


def test_a_suite_that_collects_nothing_says_so() -> None:
    intake = Intake()
    (event,) = take(intake, {"event": "collected", "checks": []})
    assert event["checks"] == []
    assert take(intake, {"event": "collected", "checks": "all"}) == []


def test_of_a_collected_check_its_place_in_the_suite_is_kept_and_nothing_else() -> None:
    whole = replace(CHECKS[0], precision="fp16", backend="eager")
    chatty = replace(whole, reason="x", details="y", seconds=3.0, metrics={"a": 1.0}, settings={"b": "c"})
    journal = attempt({"event": "collected", "checks": [asdict(chatty)]}, *ran(A)).journal
    assert journal.collected == {A: whole}
    assert replace(journal.finished[A], seconds=0.0) == replace(whole, outcome=CheckOutcome.PASSED)


@pytest.mark.parametrize("name", ["a\nb", "a\rb"])
def test_a_check_whose_name_breaks_a_line_is_not_collected(name: str) -> None:
    event = {"event": "collected", "checks": [asdict(replace(CHECKS[0], check=name)), asdict(CHECKS[1])]}
    assert list(attempt(event).journal.collected) == [B]


SERIES = asdict(Series({"wall_ms": [1.0], "turn_ms": []}, 1, 0, "steady"))


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({}, "passed"),
        ({"metrics": {"a": 9e99, "b": -9e99}}, "passed"),
        ({"metrics": {"a": 1e100}}, "failed"),
        ({"metrics": {"a": -1e200}}, "failed"),
        ({"series": [SERIES]}, "passed"),
        ({"series": [SERIES, {**SERIES, "samples": {}}]}, "failed"),
        ({"series": [{**SERIES, "samples": {"wall_ms": []}}]}, "failed"),
        ({"series": [{**SERIES, "samples": {"cuda_ms": [1.0]}}]}, "failed"),
        ({"series": [{**SERIES, "samples": {"wall_ms": [1.0, 1e100]}}]}, "failed"),
        ({"series": [{**SERIES, "samples": {"wall_ms": [1.0], "cuda_ms": [1e100]}}]}, "failed"),
        ({"series": [{**SERIES, "readings": {"pid": 1e100}}]}, "failed"),
        ({"metrics": {"a": 1e100}, "series": [SERIES]}, "failed"),
    ],
)
def test_a_result_that_cannot_be_reckoned_with_is_none(fields: dict[str, Any], outcome: str) -> None:
    assert last_words(started(A), finished(A, **fields))[0] == outcome


@pytest.mark.parametrize("status", [True, -1, 6, "0", 0.0, None, [0]])
def test_a_status_that_pytest_does_not_have_ends_nothing(status: object) -> None:
    assert attempt(COLLECTED, {**ENDED, "exit_status": status}).journal.exit_status is None


@pytest.mark.parametrize("line", [b"", b"null", b"[]", b"3", b'"ended"', b"{}", b"[" * 100_000, b"\xff"])
def test_a_line_that_is_no_event_is_not_recorded(line: bytes) -> None:
    assert Intake().take(line) == b""


def importing(module: object) -> dict[str, object]:
    return {"event": "importing", "module": module}


def test_a_module_is_imported_before_anything_is_collected() -> None:
    assert attempt(importing("test_dtype.py")).journal.importing == "test_dtype.py"
    assert attempt(COLLECTED, importing("test_dtype.py")).journal.importing == ""
    long = "test_" + "x" * 2000
    assert attempt(importing(long)).journal.importing == long[:1000]


@pytest.mark.parametrize("module", [3, None, ["test_a.py"], "", "test_.py", "test_\x1b[2J.py"])
def test_what_is_no_name_of_a_module_is_not_imported(module: object) -> None:
    assert Intake().take(json.dumps(importing(module)).encode()) == b""


def not_collected(**fields: object) -> CheckResult:
    event = {"event": "not-collected", "module": "test_dtype.py", "reason": NMS, "details": "a traceback"}
    (broken,) = attempt({**event, **fields}).journal.broken
    return broken


NMS = "operator torchvision::nms does not exist"


def test_a_module_that_cannot_be_imported_fails_under_its_name() -> None:
    assert not_collected() == CheckResult(
        "test_dtype.py",
        "dtype",
        CheckOutcome.FAILED,
        reason=f"the module cannot be imported: {NMS}",
        details="a traceback",
    )


@pytest.mark.parametrize(("said", "group"), [("quality", "quality"), ("splendid", "dtype"), (3, "dtype")])
def test_a_module_has_a_group_that_there_is(said: object, group: str) -> None:
    assert not_collected(group=said).group == group


def test_of_what_a_guest_says_of_a_module_the_beginning_is_kept() -> None:
    broken = not_collected(module="x" * 5000, reason="y" * 5000, details="z" * 5000)
    assert broken.check == "x" * 1000
    assert broken.reason == "the module cannot be imported: " + "y" * 1000
    assert broken.details == "z" * 4000


def test_texts_of_a_guest_can_be_written_as_utf_8() -> None:
    """JSON can hold half a character, and anything in the place of a text."""
    broken = not_collected(reason="caf\udce9", details=3)
    assert (broken.reason, broken.details) == ("the module cannot be imported: caf?", "")


@pytest.mark.parametrize("module", [3, None, "", "test_.py"])
def test_what_is_no_module_is_not_one_that_cannot_be_imported(module: object) -> None:
    assert attempt({"event": "not-collected", "module": module, "reason": ""}).journal.broken == []


def test_weights_are_described_by_texts_and_before_the_end() -> None:
    said = {"event": "weights", "variant": "tiny", "description": "random"}
    assert attempt({**said, "variant": 3}, {**said, "description": None}).journal.weights == {}
    assert attempt(COLLECTED, ENDED, said).journal.weights == {}


def test_a_suite_gets_on_with_each_collection_start_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    intake = Intake()
    for event in (COLLECTED, *ran(A, B, C), ENDED):
        clock.now += 1
        take(intake, event)
        assert intake.advanced == clock.now
    clock.now += 1
    take(intake, {**ENDED, "exit_status": 1})
    assert intake.advanced == clock.now - 1


def test_a_suite_that_starts_a_check_again_is_not_complete() -> None:
    again = attempt(COLLECTED, *ran(A, B, C), started(A), ENDED)
    assert not again.complete
