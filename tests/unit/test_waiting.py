"""What is shown while a slow reference is computed: its progress, told by the guest, shown by the host."""

from __future__ import annotations

import json
from typing import Any

import pytest

from samcheck.guest import reference_progress
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CheckResult
from samcheck.run import waiting
from samcheck.run.intake import Intake
from samcheck.run.records import Journal

CHECK = "test_correctness.py::test_prediction_matches_reference[acme_sam-fp32-box]"
COMPUTING = "computing the float64 reference of acme_sam on the CPU"


def event(name: str, **content: Any) -> bytes:
    return json.dumps({"event": name, **content}).encode()


def heard(*events: bytes) -> Intake:
    intake = Intake()
    row = {"check": CHECK, "group": "correctness", "outcome": "not-run", "variant": "acme_sam"}
    for line in (event("collected", checks=[row]), event("started", check=CHECK), *events):
        intake.take(line)
    return intake


def test_a_reference_is_shown_with_an_estimate() -> None:
    journal = heard(event("computing", done=3, total=12, seconds=45.2)).journal
    assert waiting.current(journal, 50.0) == f"{CHECK}: {COMPUTING}, 3 of 12 layers in 45 s, about 136 s left"


def test_the_next_one_is_shown_with_what_the_last_one_took() -> None:
    first = event("computing", done=12, total=12, seconds=181.0)
    journal = heard(first, event("computing", done=6, total=12, seconds=80.0)).journal
    assert waiting.current(journal, 300.0).endswith("about 80 s left; the last one took 181 s")
    assert waiting.current(heard(first).journal, 10.0) == CHECK


def test_what_takes_long_without_a_reference_is_shown_with_its_time() -> None:
    journal = heard().journal
    assert waiting.current(journal, 10.0) == CHECK
    assert waiting.current(journal, 95.0) == f"{CHECK} for 95 s"
    assert waiting.current(Journal(), 95.0) == ""


def test_progress_is_of_the_running_check() -> None:
    finished = CheckResult(CHECK, "correctness", CheckOutcome.PASSED, variant="acme_sam")
    over = heard(
        event("computing", done=3, total=12, seconds=45.2), event("finished", result=finished.__dict__)
    )
    assert waiting.current(over.journal, 50.0) == ""
    assert over.take(event("computing", done=4, total=12, seconds=60.0)) == b""


@pytest.mark.parametrize(
    "content",
    [
        {"done": 0, "total": 12, "seconds": 1.0},
        {"done": 13, "total": 12, "seconds": 1.0},
        {"done": 1, "total": 10**9, "seconds": 1.0},
        {"done": True, "total": 12, "seconds": 1.0},
        {"done": 1, "total": 12, "seconds": float("inf")},
        {"done": 1, "total": 12, "seconds": -1.0},
        {"done": 1, "total": 12},
        {"done": "1", "total": 12, "seconds": 1.0},
    ],
)
def test_nonsense_is_not_believed(content: dict[str, Any]) -> None:
    intake = heard()
    assert intake.take(event("computing", **content)) == b""
    assert intake.journal.computing is None


def test_computing_is_no_progress_of_the_suite() -> None:
    """A check that reports for ever must still end at its time limit."""
    intake = heard()
    before = intake.advanced
    assert intake.take(event("computing", done=3, total=12, seconds=45.2))
    assert intake.advanced == before


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.01, []),  # a small model's reference is reported by nobody
        (10.0, [(1, 4, 10.0), (2, 4, 20.0), (3, 4, 30.0), (4, 4, 40.0)]),
        (1.5, [(2, 4, 3.0), (4, 4, 6.0)]),
    ],
)
def test_only_slow_computations_are_reported(
    monkeypatch: pytest.MonkeyPatch, seconds: float, expected: list[tuple[int, int, float]]
) -> None:
    now, told = [100.0], list[tuple[int, int, float]]()
    monkeypatch.setattr(reference_progress, "_listeners", [lambda *what: told.append(what)])
    monkeypatch.setattr("samcheck.guest.reference_progress.time.monotonic", lambda: now[0])
    for _ in reference_progress.counted("abcd"):
        now[0] += seconds
    assert told == expected
