"""What running failed checks once more says about them: what does not fail again is intermittent.

A red that does not come back says that something is unreliable, not that an upgrade broke it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CheckResult
from samcheck.run import records


def folder(cell: Path) -> Path:
    """Return where the checks of the cell in this folder are run again."""
    return cell / "again"


def make_folder(cell: Path) -> Path:
    """Make the `folder` of a cell; a check may have put a link or a file in its place."""
    path = folder(cell)
    if path.is_symlink() or path.is_file():
        path.unlink()
    path.mkdir(exist_ok=True)
    return path


def wanted(checks: Sequence[CheckResult]) -> tuple[str, ...]:
    """Return the checks to run again; modules that cannot be imported are none."""
    return tuple(check.check for check in checks if check.outcome.is_failure and check.function)


def judged(checks: Sequence[CheckResult], cell: Path, check_timeout: float) -> list[CheckResult]:
    """Return the checks, those intermittent that failed but not when run again in the `folder` of `cell`."""
    again = records.settled(records.attempts_in(folder(cell)), check_timeout)
    return [_judged(check, again[check.check]) if check.check in again else check for check in checks]


def _judged(check: CheckResult, second: CheckResult) -> CheckResult:
    if not check.outcome.is_failure or not second.outcome.is_expected:
        return check
    reason = f"{check.outcome}, but {second.outcome} when run again: {check.reason}"
    return replace(check, outcome=CheckOutcome.INTERMITTENT, reason=reason)
