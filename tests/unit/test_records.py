from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from samcheck import files
from samcheck.environments import EndCause, Ended
from samcheck.guest import journal as guest_journal
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import DETAILS_LIMIT, CheckResult
from samcheck.run import judge, records
from samcheck.run.intake import Intake
from samcheck.run.records import Attempt, Journal

ONE = CheckResult("test_a.py::test_one", "a", CheckOutcome.NOT_RUN)
TWO = CheckResult("test_a.py::test_two", "a", CheckOutcome.NOT_RUN, variant="tiny")
LIMIT = 100.0
NMS = "RuntimeError: operator torchvision::nms does not exist"


def written(*, finish_two: bool = False, end: bool = False) -> tuple[Journal, bytes]:
    """What the host believes of what the guest's own writer says, and the record of it."""
    intake = Intake()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        writer = guest_journal.EventWriter(str(path))
        writer.weights("tiny", "random")
        writer.collected([ONE, TWO])
        writer.started(ONE.check)
        writer.finished(CheckResult(ONE.check, "a", CheckOutcome.PASSED))
        writer.started(TWO.check)
        if finish_two:
            writer.finished(
                CheckResult(TWO.check, "a", CheckOutcome.KNOWN, reason="so", defect="d", variant="tiny")
            )
        if end:
            writer.ended(0)
        record = b"".join(intake.take(line) for line in path.read_bytes().splitlines())
    return intake.journal, record


def attempt(journal: Journal, ended: Ended | None, after: float = 1.0) -> Attempt:
    start = journal.running[1] if journal.running else 0.0
    return Attempt(journal, ended, start + after, "last words")


def outcomes(*attempts: Attempt) -> dict[str, str]:
    return {check.check: check.outcome for check in records.verdicts(list(attempts), LIMIT)}


def test_a_complete_journal_is_a_passed_cell() -> None:
    journal = written(finish_two=True, end=True)[0]
    done = attempt(journal, Ended(0))
    assert done.complete
    assert outcomes(done) == {ONE.check: "passed", TWO.check: "known"}
    assert judge.judge([done], records.verdicts([done], LIMIT)) == ("passed", "")
    assert journal.weights == {"tiny": "random"}


def test_death_behind_the_last_check_is_not_green() -> None:
    journal = written(finish_two=True, end=True)[0]
    for ended in (Ended(None, "SIGSEGV"), Ended(120), Ended(None, "SIGKILL", EndCause.NO_PROGRESS)):
        died = attempt(journal, ended)
        outcome, reason = judge.judge([died], records.verdicts([died], LIMIT))
        assert (outcome, str(ended) in reason) == ("crashed", True)
        assert outcomes(died) == {ONE.check: "passed", TWO.check: "known"}  # no check is blamed


def test_death_in_a_check_is_its_crash() -> None:
    died = attempt(written()[0], Ended(None, "SIGSEGV"))
    assert outcomes(died) == {ONE.check: "passed", TWO.check: "crashed"}
    crash = records.verdicts([died], LIMIT)[1]
    assert crash.reason == "the interpreter died: SIGSEGV"
    assert crash.details == "last words"
    assert judge.judge([died], [crash])[0] == "crashed"


def test_memory_limit_is_named() -> None:
    died = attempt(written()[0], Ended(None, "SIGKILL", EndCause.MEMORY_LIMIT))
    assert records.verdicts([died], LIMIT)[1].reason == "the interpreter died: memory limit"


@pytest.mark.parametrize(
    ("ended", "after"), [(Ended(1), LIMIT + 1), (Ended(None, "SIGKILL", EndCause.NO_PROGRESS), 3.0)]
)
def test_a_late_check_is_timed_out(ended: Ended, after: float) -> None:
    late = attempt(written()[0], ended, after)
    assert outcomes(late)[TWO.check] == "timed-out"


def test_killed_samcheck_blames_no_check() -> None:
    cut = attempt(written()[0], None)
    assert list(records.settled([cut], LIMIT)) == [ONE.check]
    assert outcomes(cut) == {ONE.check: "passed", TWO.check: "not-run"}


def test_the_second_attempt_completes_the_first() -> None:
    first = attempt(written()[0], None)
    second = Journal()
    second.collected = {TWO.check: TWO}
    second.finished = {TWO.check: CheckResult(TWO.check, "a", CheckOutcome.PASSED)}
    second.exit_status = 0
    both = [first, Attempt(second, Ended(0), 0.0, "")]
    assert {check.outcome for check in records.verdicts(both, LIMIT)} == {"passed"}


def test_a_torn_line_is_ignored(tmp_path: Path) -> None:
    _, whole = written(finish_two=True)
    (tmp_path / "j").write_bytes(whole[:-20])
    journal = records.read(tmp_path / "j")
    assert set(journal.finished) == {ONE.check}
    assert journal.running is not None
    assert not journal.torn


def test_a_lost_line_is_noticed(tmp_path: Path) -> None:
    journal, record = written(finish_two=True, end=True)
    lines = record.splitlines(keepends=True)
    for number in range(len(lines) - 1):  # the last one is as if it had never been written
        (tmp_path / "j").write_bytes(b"".join(lines[:number] + lines[number + 1 :]))
        assert records.read(tmp_path / "j").torn
    (tmp_path / "j").write_bytes(record)
    assert records.read(tmp_path / "j") == journal


def test_a_module_that_cannot_be_imported_fails_the_cell() -> None:
    intake = Intake()
    for event in (
        {
            "event": "not-collected",
            "module": "test_dtype.py",
            "group": "dtype",
            "reason": NMS,
            "details": "...",
        },
        {"event": "collected", "checks": [asdict(ONE)]},
        {"event": "started", "check": ONE.check},
        {"event": "finished", "result": asdict(replace(ONE, outcome=CheckOutcome.PASSED))},
        {"event": "ended", "exit_status": 1},
    ):
        intake.take(json.dumps(event).encode())
    tried = Attempt(intake.journal, Ended(1), 0.0, "")
    checks = records.verdicts([tried], LIMIT)
    assert checks[1].group == "dtype"
    outcome, reason = judge.judge([tried], checks)
    assert outcome == "failed"
    assert "torchvision::nms" in reason


def test_nothing_ran_is_never_green() -> None:
    empty = Journal()
    empty.exit_status = 5
    assert judge.judge([Attempt(empty, Ended(5), 0.0, "no tests ran")], [])[0] == "failed"
    done = Journal()
    done.exit_status = 0
    # Neither skipped checks nor those of the surroundings say anything about SAM.
    around = CheckResult("test_imports.py::test_x", "imports", CheckOutcome.PASSED)
    skipped = CheckResult("test_a.py::test_y[tiny]", "a", CheckOutcome.SKIPPED, variant="tiny", reason="none")
    for checks in ([skipped], [around], [around, skipped]):
        outcome, reason = judge.judge([Attempt(done, Ended(0), 0.0, "")], checks)
        assert outcome == "failed"
        assert reason.startswith("no check ran SAM itself")


def test_the_small_model_that_stands_for_all_is_sam_too() -> None:
    """Checks of inputs, say, have no variant; but one that was skipped has run nothing."""
    done = Journal()
    done.exit_status = 0
    tried = [Attempt(done, Ended(0), 0.0, "")]
    plain = CheckResult(
        "test_inputs.py::test_x", "inputs", CheckOutcome.KNOWN, reason="x", settings={"model": "tiny"}
    )
    assert judge.judge(tried, [plain])[0] == "passed"
    assert judge.judge(tried, [replace(plain, outcome=CheckOutcome.SKIPPED)])[0] == "failed"


def test_the_end_of_an_attempt_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "j").write_bytes(written()[1])
    note = {"exit_code": None, "signal": "SIGSEGV", "cause": "", "at": 12.5}
    (tmp_path / "e").write_text(json.dumps(note))
    (tmp_path / "o").write_text("x" * 10_000 + "the end")
    read = records.read_attempt(tmp_path / "j", tmp_path / "e", tmp_path / "o")
    assert read.ended == Ended(None, "SIGSEGV")
    assert read.output.endswith("the end")
    assert len(read.output) == DETAILS_LIMIT
    assert records.read_attempt(tmp_path / "j", tmp_path / "absent", tmp_path / "absent").ended is None


def running(started: float, ended_at: float, ended: Ended) -> CheckResult:
    """What is said of the check that ran when the suite ended."""
    journal = Journal(collected={ONE.check: ONE}, running=(ONE.check, started))
    (result,) = records.verdicts([Attempt(journal, ended, ended_at, "last words")], LIMIT)
    return result


def test_a_check_that_died_took_as_long_as_it_was_seen_to_run() -> None:
    assert running(5.0, 6.23456, Ended(None, "SIGSEGV")).seconds == 1.235
    assert running(5.0, 4.9, Ended(None, "SIGSEGV")).seconds == 0.0


def test_the_time_limit_is_met_a_little_before_it_because_the_guest_measures_it() -> None:
    late = running(0.0, 90.0, Ended(1))
    assert (late.outcome, late.reason) == (CheckOutcome.TIMED_OUT, "stopped at its time limit of 100 s")
    early = running(0.0, 89.9, Ended(1))
    assert (early.outcome, early.reason) == (CheckOutcome.CRASHED, "the interpreter died: exit status 1")


def test_a_module_whose_import_kills_the_interpreter_is_a_crash_beside_its_checks() -> None:
    journal = Journal(importing="test_dtype.py")
    died = Attempt(journal, Ended(None, "SIGSEGV"), 1.0, "last words")
    assert records.verdicts([died], LIMIT) == [
        CheckResult(
            "test_dtype.py",
            "dtype",
            CheckOutcome.CRASHED,
            reason="the interpreter died while it was imported: SIGSEGV",
            details="last words",
        )
    ]


def test_a_suite_that_stops_between_two_checks_was_stopped_by_the_first_of_them() -> None:
    """Whatever it reported of itself; the defect that it met does not explain this."""
    known = replace(ONE, outcome=CheckOutcome.KNOWN, reason="so", defect="a-defect", evidence="shown")
    journal = Journal(collected={ONE.check: ONE, TWO.check: TWO}, finished={ONE.check: known})
    first, second = records.verdicts([attempt(journal, Ended(3))], LIMIT)
    assert first == replace(
        ONE,
        outcome=CheckOutcome.CRASHED,
        reason="the suite ended after it, before all checks had run: exit status 3",
        details="last words",
    )
    assert second == replace(TWO, reason="the suite stopped before it: exit status 3")


def test_a_check_that_was_not_run_says_how_the_last_start_ended() -> None:
    journal = Journal(collected={TWO.check: TWO})
    first = attempt(journal, Ended(3))
    assert [each.reason for each in records.verdicts([first, attempt(journal, None)], LIMIT)] == [
        "the run was interrupted"
    ]
    assert [each.reason for each in records.verdicts([attempt(journal, None), first], LIMIT)] == [
        "the suite stopped before it: exit status 3"
    ]


def fed(*events: Mapping[str, object]) -> Journal:
    journal = Journal()
    for number, event in enumerate(events):
        journal.feed(json.dumps({"n": number, **event}).encode())
    return journal


def test_a_module_is_being_imported_until_checks_are_collected() -> None:
    importing: dict[str, object] = {"event": "importing", "module": "test_dtype.py"}
    assert fed(importing).importing == "test_dtype.py"
    assert fed(importing, {"event": "collected", "checks": []}) == Journal(lines=2)


def test_a_module_that_could_not_be_imported_is_a_failed_check_of_its_name() -> None:
    event = {
        "event": "not-collected",
        "module": "test_dtype.py",
        "group": "dtype",
        "reason": NMS,
        "details": "a traceback",
    }
    assert fed(event).broken == [
        CheckResult(
            "test_dtype.py",
            "dtype",
            CheckOutcome.FAILED,
            reason=f"the module cannot be imported: {NMS}",
            details="a traceback",
        )
    ]


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[]", b"3", b'{"n": 0}', b'{"event": "started", "n": 0}', b"[" * 100_000]
)
def test_a_damaged_line_is_noted_and_those_behind_it_are_read(line: bytes) -> None:
    journal = Journal()
    journal.feed(line)
    assert journal.torn is True
    journal.feed(b'{"event": "ended", "exit_status": 0, "n": 1}')
    assert (journal.exit_status, journal.lines) == (0, 2)


def test_a_record_may_be_larger_than_files_that_people_write(tmp_path: Path) -> None:
    record = written(finish_two=True, end=True)[1]
    (tmp_path / "j").write_bytes(record[:-1] + b" " * files.LARGEST + b"\n")
    assert records.read(tmp_path / "j").complete


def test_a_start_with_a_torn_record_counts_as_interrupted(tmp_path: Path) -> None:
    """What can be read of it is kept, and the rest runs again."""
    lines = written()[1].splitlines(keepends=True)
    (tmp_path / "j").write_bytes(b"".join(lines[1:]))
    (tmp_path / "e").write_text(json.dumps({"exit_code": 1, "signal": "", "cause": "", "at": 12.5}))
    torn = records.read_attempt(tmp_path / "j", tmp_path / "e", tmp_path / "o")
    assert torn == Attempt(torn.journal, None, 12.5, "")
    assert not torn.complete
    assert outcomes(torn) == {ONE.check: "passed", TWO.check: "not-run"}


def test_a_record_with_something_else_in_its_place_is_torn(tmp_path: Path) -> None:
    (tmp_path / "j").mkdir()
    assert records.read(tmp_path / "j") == Journal(torn=True)
    assert records.read(tmp_path / "absent") == Journal()


@pytest.mark.parametrize(
    ("note", "ended", "at"),
    [
        ({"exit_code": 3, "signal": "", "cause": "", "at": 1}, Ended(3), 1.0),
        (
            {"exit_code": None, "signal": "SIGKILL", "cause": "no progress", "at": 2.5},
            Ended(None, "SIGKILL", EndCause.NO_PROGRESS),
            2.5,
        ),
        ({"exit_code": None, "signal": "", "cause": "a whim", "at": 2.5}, None, 0.0),
        ({"exit_code": 3}, None, 0.0),
        ("nothing", None, 0.0),
    ],
)
def test_a_note_of_an_end_that_cannot_be_read_is_none(
    tmp_path: Path, note: object, ended: Ended | None, at: float
) -> None:
    (tmp_path / "e").write_text(json.dumps(note))
    read = records.read_attempt(tmp_path / "absent", tmp_path / "e", tmp_path / "absent")
    assert (read.ended, read.ended_at) == (ended, at)


def test_what_the_guest_printed_may_be_any_bytes(tmp_path: Path) -> None:
    (tmp_path / "o").write_bytes(b"caf\xe9 \xc3\xa9")
    assert records.tail(tmp_path / "o") == "caf\N{REPLACEMENT CHARACTER} é"


@pytest.mark.parametrize(
    ("check", "group"),
    [
        ("test_dtype.py::test_naive_cast[tiny-fp16]", "dtype"),
        ("test_dtype.py", "dtype"),
        ("test_test_x.py::test_y.py::z", "test_x"),
        ("dtype", "dtype"),
    ],
)
def test_a_check_has_the_group_that_its_module_is_named_for(check: str, group: str) -> None:
    assert records.group_of_check(check) == group


@pytest.mark.parametrize(
    ("status", "complete"),
    [(0, True), (1, True), (5, True), (2, False), (3, False), (4, False), (None, False)],
)
def test_a_suite_is_complete_where_pytest_says_that_it_ran_all(status: int | None, complete: bool) -> None:
    journal = Journal(collected={ONE.check: ONE}, finished={ONE.check: ONE}, exit_status=status)
    assert journal.complete is complete


@pytest.mark.parametrize(
    ("status", "ended", "died"),
    [
        (0, Ended(0), False),
        (1, Ended(1), False),
        (0, Ended(1), True),
        (0, Ended(None, "SIGSEGV"), True),
        # Who was interrupted knows nothing of the end, and a suite that is not over has not come to its exit.
        (0, None, False),
        (None, Ended(3), False),
    ],
)
def test_an_interpreter_that_died_at_its_exit_did_not_end_as_pytest_did(
    status: int | None, ended: Ended | None, died: bool
) -> None:
    assert Attempt(Journal(exit_status=status), ended, 1.0, "").died_at_exit is died
