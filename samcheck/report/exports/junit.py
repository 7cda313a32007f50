"""Results as JUnit XML, for GitLab's, Jenkins' and other readers: a suite for each cell.

Written here, one suite after the other: junitparser, which the tests read it with, would hold the checks of
all results in memory together.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from tempfile import TemporaryFile
from typing import IO, NamedTuple
from xml.sax.saxutils import escape

from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CellResult, CheckResult
from samcheck.report.fields import reason_of
from samcheck.sanitize import visible, visible_lines
from samcheck.storage.results import Stored, UnreadableFile

#: The case of a cell that ended badly without a bad check.
CELL = "(cell)"
#: Readers know three words beside passed; what is none of these outcomes is an error.
ENDINGS = {
    CheckOutcome.PASSED: "",
    CheckOutcome.FIXED: "",
    CheckOutcome.KNOWN: "skipped",
    CheckOutcome.SKIPPED: "skipped",
    CheckOutcome.FAILED: "failure",
}
ERROR = "error"


class TestCase(NamedTuple):
    """A `<testcase>`, and how it ended: one of the values of `ENDINGS`, or `ERROR`."""

    xml: str
    ending: str
    seconds: float = 0.0


@dataclass
class SuiteCounts:
    """Of a suite or of all."""

    tests: int = 0
    failures: int = 0
    errors: int = 0
    skipped: int = 0
    time: float = 0.0


def write(results: Iterable[Stored], unreadable: Sequence[UnreadableFile], stream: IO[bytes]) -> None:
    """A known defect is skipped with its id; what crashed or was never run is an error.

    What is none of passed, skipped or failed keeps its own word as the type.
    """
    total = SuiteCounts()
    with TemporaryFile() as suites:  # the counts of all stand before the first
        for stored in results:
            suites.write(_suite(stored, total).encode())
        if unreadable:
            suites.write(_unreadable(unreadable, total).encode())
        head = (
            f'<testsuites name="samcheck" tests="{total.tests}" failures="{total.failures}" '
            f'errors="{total.errors}" skipped="{total.skipped}" time="{round(total.time, 3)}">'
        )
        stream.write(f"<?xml version='1.0' encoding='utf-8'?>\n{head}".encode())
        suites.seek(0)
        shutil.copyfileobj(suites, stream, 2**20)
    stream.write(b"</testsuites>")


def _suite(stored: Stored, total: SuiteCounts) -> str:
    result = stored.result
    name = _attribute(f"{stored.device}.{stored.driver}.{result.name}")
    properties = [
        f'<property name="{key}" value="{_attribute(value)}" />' for key, value in _properties(result)
    ]
    cases = [_case(name, check) for check in result.checks]
    if result.outcome is not CellOutcome.PASSED and not any(check.outcome.is_bad for check in result.checks):
        cases.append(_error(name, CELL, f"{result.outcome}: {result.reason}", result.outcome))
    head = f'name="{name}" timestamp="{_attribute(result.started)}"'
    return _with_counts(head, f"<properties>{''.join(properties)}</properties>", cases, total)


def _with_counts(head: str, properties: str, cases: list[TestCase], total: SuiteCounts) -> str:
    """A suite, which is added to the counts of all."""
    endings = [case.ending for case in cases]
    counts = SuiteCounts(
        len(cases),
        endings.count("failure"),
        endings.count(ERROR),
        endings.count("skipped"),
        round(sum(case.seconds for case in cases), 3),
    )
    for name, value in vars(counts).items():
        setattr(total, name, getattr(total, name) + value)
    attributes = (
        f'tests="{counts.tests}" errors="{counts.errors}" failures="{counts.failures}" '
        f'skipped="{counts.skipped}" time="{counts.time}"'
    )
    return f"<testsuite {head} {attributes}>{properties}{''.join(case.xml for case in cases)}</testsuite>"


def _properties(result: CellResult) -> Iterator[tuple[str, str]]:
    yield "outcome", result.outcome
    yield "reason", result.reason
    yield "environment", result.environment.kind
    yield "samcheck", result.samcheck
    if result.observed is not None:
        for name in ("python", "torch", "torch_cuda", "numpy", "device", "gpu", "driver"):
            yield name, str(getattr(result.observed, name) or "none")


def _case(suite: str, check: CheckResult) -> TestCase:
    ending, seconds = ENDINGS.get(check.outcome, ERROR), max(check.seconds, 0.0)
    start = f'<testcase name="{_attribute(check.check)}" classname="{suite}" time="{seconds}"'
    if check.outcome is CheckOutcome.PASSED:
        return TestCase(f"{start} />", ending, seconds)
    if check.outcome is CheckOutcome.FIXED:
        content = f"<system-out>{escape(visible(reason_of(check)))}</system-out>"
    else:
        content = _ending(ending, reason_of(check), check.outcome, visible_lines(check.details))
    return TestCase(f"{start}>{content}</testcase>", ending, seconds)


def _ending(tag: str, message: str, kind: str, details: str = "") -> str:
    start = f'<{tag} message="{_attribute(message)}" type="{_attribute(kind)}"'
    return f"{start}>{escape(details)}</{tag}>" if details else f"{start} />"


def _error(suite: str, name: str, message: str, kind: str) -> TestCase:
    start = f'<testcase name="{_attribute(name)}" classname="{suite}" time="0.0">'
    return TestCase(f"{start}{_ending(ERROR, message, kind)}</testcase>", ERROR)


@lru_cache(maxsize=8192)  # the checks of thousands of results have the same names and reasons
def _attribute(text: str) -> str:
    return escape(visible(text), {'"': "&quot;"})


def _unreadable(files: Sequence[UnreadableFile], total: SuiteCounts) -> str:
    name = "files that are not results"
    cases = [_error(name, file.name, file.problem, "unreadable") for file in files]
    return _with_counts(f'name="{name}"', "", cases, total)
