"""The closed sets: how they are parted, what older results make of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from samcheck.guest.node_ids import function_of, module_of, parameters_of
from samcheck.guest.outcomes import CellOutcome, CheckOutcome, FailureCause
from samcheck.guest.record import CellResult, CheckResult, EnvironmentRecord
from samcheck.storage import results
from tests.unit import made


def test_outcomes_of_a_check_are_parted() -> None:
    """Each is expected, a failure, or says nothing; only a skipped check says nothing and is not bad."""
    for outcome in CheckOutcome:
        assert outcome.is_expected + outcome.is_failure + outcome.is_inconclusive == 1
        assert outcome.is_bad == (not outcome.is_expected and outcome is not CheckOutcome.SKIPPED)


def test_outcomes_of_a_cell_are_parted() -> None:
    """What was built has an answer; of the others, only a build that failed says something of the cell."""
    for outcome in CellOutcome:
        assert outcome.was_built + outcome.is_inconclusive + (outcome is CellOutcome.BUILD_FAILED) == 1
        assert not (outcome.was_built and outcome.is_retried)


@pytest.mark.parametrize(
    ("outcome", "cause", "conclusive"),
    [
        (CellOutcome.FAILED, None, True),
        (CellOutcome.BUILD_FAILED, FailureCause.NO_WHEEL, True),
        (CellOutcome.BUILD_FAILED, FailureCause.NETWORK, False),
        (CellOutcome.MISBUILT, FailureCause.CONTENT, False),
        (CellOutcome.REFUSED, FailureCause.DRIVER, False),
    ],
)
def test_a_cause_outside_of_the_cell_makes_no_answer(
    outcome: CellOutcome, cause: FailureCause | None, conclusive: bool
) -> None:
    assert replace(made.RESULT, outcome=outcome, cause=cause).is_conclusive is conclusive


def test_a_node_id_is_taken_apart_in_one_place() -> None:
    check = CheckResult("test_x.py::test_cast[tiny-point[0]]", "x", CheckOutcome.PASSED)
    assert (check.module, check.function, check.parameters) == ("test_x.py", "test_cast", "tiny-point[0]")
    whole = "test_x.py"
    assert (module_of(whole), function_of(whole), parameters_of(whole)) == ("test_x.py", "", "")


def older(result: CellResult, folder: Path) -> CellResult:
    """As an older samcheck would have stored it, read back."""
    content = json.loads(results.to_json(result))
    content["schema_version"] = 3
    for name in ("cause", "stopped", "turns"):
        del content[name]
    for check in content["checks"]:
        del check["evidence"]
    path = folder / "older.json"
    path.write_text(json.dumps(content))
    return results.read(path)


@pytest.mark.parametrize(
    ("outcome", "reason", "cause"),
    [
        ("build-failed", "the package index could not be reached: check the network", FailureCause.NETWORK),
        ("build-failed", "no such Python here, and uv could not download one", FailureCause.INTERPRETER),
        ("build-failed", "the disk is full: free space", FailureCause.DISK),
        ("build-failed", "needs 9000 MiB of disk at /, 5 MiB are free", FailureCause.DISK),
        ("refused", "a certificate that is not trusted here", FailureCause.CERTIFICATE),
        ("build-failed", "check its credentials", FailureCause.CREDENTIALS),
        ("build-failed", "the package index has no matching wheel for this Python", None),
        ("failed", "the disk is full", None),
    ],
)
def test_the_cause_of_an_older_result_is_in_its_words(
    outcome: str, reason: str, cause: FailureCause | None, tmp_path: Path
) -> None:
    written = replace(made.RESULT, outcome=CellOutcome(outcome), reason=reason)
    assert older(written, tmp_path).cause is cause


def test_what_stood_among_the_details_of_an_older_result_is_a_field(tmp_path: Path) -> None:
    details = {"stopped": "by --stop-after", "met": "run-1", "image": "x"}
    read = older(replace(made.RESULT, environment=EnvironmentRecord("venv", "", details)), tmp_path)
    assert (read.stopped, read.turns, read.environment.details) == (True, "run-1", {"image": "x"})
    plain = older(made.RESULT, tmp_path)
    assert (plain.stopped, plain.turns) == (False, None)


@pytest.mark.parametrize(
    ("stored", "reason", "evidence"),
    [
        ("it is off (by 7)", "it is off", "by 7"),
        ("any size, also (W, H): wrong (told (480, 7))", "any size, also (W, H): wrong", "told (480, 7)"),
        ("it is off", "it is off", ""),
        ("no end) of it", "no end) of it", ""),
        ("torn) of it)", "torn) of it)", ""),
    ],
)
def test_evidence_stood_in_parentheses(stored: str, reason: str, evidence: str, tmp_path: Path) -> None:
    check = CheckResult("test_x.py::test_y", "x", CheckOutcome.KNOWN, reason=stored, defect="a")
    (read,) = older(replace(made.RESULT, checks=[check]), tmp_path).checks
    assert (read.reason, read.evidence, read.explanation) == (reason, evidence, stored)
