"""What a guest says in one start, a line each: what is believed of it reads back as it was believed."""

from __future__ import annotations

import json
from dataclasses import asdict

from samcheck.environments import Ended
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CheckResult
from samcheck.run import judge, records
from samcheck.run.intake import Intake
from samcheck.run.records import Attempt
from tests.fuzz import require
from tests.fuzz.mutating import changed_lines

_CHECKS = [
    CheckResult(f"test_a.py::test_{name}", "a", CheckOutcome.NOT_RUN, variant="tiny") for name in "abc"
]
_A, _B, _C = (check.check for check in _CHECKS)
_COLLECTED = {"event": "collected", "checks": [asdict(check) for check in _CHECKS]}
_ENDED = {"event": "ended", "exit_status": 0}


def _ran(check: str) -> list[object]:
    result = asdict(CheckResult(check, "a", CheckOutcome.PASSED, metrics={"x_ms": 1.0}))
    return [{"event": "started", "check": check, "at": 1.0}, {"event": "finished", "result": result}]


def _lines(*events: object) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


SEEDS = [
    b"",
    _lines(_COLLECTED, *_ran(_A), *_ran(_B), *_ran(_C), _ENDED),
    _lines(_COLLECTED, *_ran(_A), *_ran(_B)[:1], _ENDED, *_ran(_C)),
    _lines(_COLLECTED, *_ran(_A), *_ran(_A), *_ran(_B), _COLLECTED),
    _lines(*_ran(_A), {"event": "not-collected", "module": "test_b.py", "reason": "x", "details": "y"}),
    _lines(_COLLECTED, {"event": "weights", "variant": "tiny", "description": "trained"}),
    _lines(_COLLECTED, {"event": "started", "check": [_A], "at": 10**400}, {"event": {}}, [], None, 7),
    _lines(_COLLECTED)[:-5] + b"\n" + _lines(*_ran(_A)),
    b"[" * 100_000 + b"\n" + _lines(_COLLECTED),
    b"\xff\xfe\n\0\n" + _lines(_COLLECTED, *_ran(_B)),
]
mutate = changed_lines


def take(content: bytes) -> None:
    """Take the lines in, read the record back, and judge."""
    intake = Intake()
    record = b"".join(intake.take(line) for line in content.split(b"\n"))
    again = records.Journal()
    for line in record.splitlines():
        again.feed(line)
    require(again == intake.journal, "the record reads back as something else")
    require(not again.torn, "the record has a line that cannot be read")
    for status in (0, 1, 75):
        attempts = [Attempt(again, Ended(status), 1.0, "")]
        checks = records.verdicts(attempts, 60.0)
        by_check = {check.check: check.outcome for check in checks}
        require(again.collected.keys() <= by_check.keys(), "a check that was collected is in no result")
        require(set(by_check.values()) <= set(CheckOutcome), "there is no such outcome")
        outcome, _ = judge.judge(attempts, checks)
        require(outcome != "passed" or "not-run" not in by_check.values(), "green without having run")
