"""Results as JUnit XML, for GitLab's, Jenkins' and other readers: a suite for each cell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite
from junitparser.junitparser import FinalResult

from samcheck.guest.record import BAD_CHECK_OUTCOMES, CellResult, CheckResult
from samcheck.report.fields import reason_of
from samcheck.report.plain import visible, visible_lines
from samcheck.results import Stored

#: The case of a cell that ended badly without a bad check.
CELL = "(cell)"
KINDS = {"known": Skipped, "skipped": Skipped, "failed": Failure}


def write(found: Iterable[Stored], problems: list[str], stream: IO[bytes]) -> None:
    """A known defect is skipped with its id; what crashed or was never run is an error.

    Readers know three words. What is none of passed, skipped or failed keeps its own as the type.
    """
    whole = JUnitXml("samcheck")
    for each in found:
        whole.append(_suite(each))  # `add_testsuite` compares it with all others
    if problems:
        whole.append(_unreadable(problems))
    whole.update_statistics()
    whole.write(stream)


def _suite(stored: Stored) -> TestSuite:
    result = stored.result
    name = visible(f"{stored.device}.{stored.driver}.{result.name}")
    suite = TestSuite(name)
    suite.timestamp = visible(result.started)
    for key, value in _properties(result):
        suite.add_property(key, visible(value))
    for check in result.checks:
        suite.append(_case(name, check))
    if result.outcome != "passed" and not any(each.outcome in BAD_CHECK_OUTCOMES for each in result.checks):
        suite.append(_error(name, CELL, f"{result.outcome}: {result.reason}", result.outcome))
    suite.update_statistics()
    return suite


def _properties(result: CellResult) -> Iterator[tuple[str, str]]:
    yield "outcome", result.outcome
    yield "reason", result.reason
    yield "environment", result.environment.kind
    yield "samcheck", result.samcheck
    if result.observed is not None:
        for name in ("python", "torch", "torch_cuda", "numpy", "device", "gpu", "driver"):
            yield name, str(getattr(result.observed, name) or "none")


def _case(suite: str, check: CheckResult) -> TestCase:
    case = TestCase(visible(check.check), suite, max(check.seconds, 0.0))
    if check.outcome == "fixed":
        case.system_out = visible(reason_of(check))
    elif check.outcome != "passed":
        case.result = [_ending(check)]
    return case


def _ending(check: CheckResult) -> FinalResult:
    ending = KINDS.get(check.outcome, Error)(visible(reason_of(check)), check.outcome)
    ending.text = visible_lines(check.details) or None
    return ending


def _error(suite: str, name: str, message: str, kind: str) -> TestCase:
    case = TestCase(name, suite, 0.0)
    case.result = [Error(visible(message), kind)]
    return case


def _unreadable(problems: list[str]) -> TestSuite:
    suite = TestSuite("files that are not results")
    for problem in problems:
        suite.append(_error(suite.name, visible(problem.partition(": ")[0]), problem, "unreadable"))
    suite.update_statistics()
    return suite
