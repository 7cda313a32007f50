"""The outcome of a check, from the phases that pytest ran."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple  # noqa: F401  # in a quoted type

import pytest

from ..outcomes import CheckOutcome
from ..record import DETAILS_LIMIT, CheckResult
from .check_groups import group_of
from .check_selection import check_id
from .recording import WATCH

REPORTS = pytest.StashKey["List[pytest.TestReport]"]()
RESULT = pytest.StashKey["Optional[CheckResult]"]()


def parameters(item: pytest.Item) -> Dict[str, Any]:
    """Return the parameters of a check, by name."""
    callspec = getattr(item, "callspec", None)
    return dict(callspec.params) if callspec else {}


def describe(item: pytest.Item, outcome: CheckOutcome, **fields: Any) -> CheckResult:
    """Create a result for `item` with everything that its name and parameters determine."""
    given = parameters(item)
    return CheckResult(
        check=check_id(item.nodeid),
        group=group_of(str(item.path)),
        variant=given.get("variant"),
        precision=given.get("precision"),
        backend=given.get("backend", "eager" if "variant" in given else None),
        outcome=outcome,
        **fields,
    )


def verdict(item: pytest.Item, reports: List[pytest.TestReport]) -> Tuple[CheckOutcome, str, str]:
    """Return outcome, one-line reason and details of a check, from its set-up, call and tear-down."""
    for report in reports:
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            message = crash.message if crash else str(report.longrepr)
            where = "" if report.when == "call" else " (in {})".format(report.when)
            return CheckOutcome.FAILED, first_line(message) + where, str(report.longrepr)[-DETAILS_LIMIT:]
        if report.skipped:
            longrepr = report.longrepr
            text = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
            return CheckOutcome.SKIPPED, first_line(text.replace("Skipped: ", "", 1)), ""
    watch = item.stash.get(WATCH, None)
    if watch is not None and watch.outcome is not None:
        return watch.outcome, first_line(watch.reason), ""
    return CheckOutcome.PASSED, "", ""


def first_line(text: str) -> str:
    """Return the first non-empty line, at most 500 characters of it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0][:500] if lines else "no message"
