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
    """Return the checks to run again: all of each module in which one failed, in their order.

    A check that fails because of what the one before it left behind fails again like that. If an import
    fails, it explains all other failures, and only the imports are tried again.
    """
    failed = [check for check in checks if check.outcome.is_failure and check.function]
    imports = [check for check in failed if check.group == "imports"]
    modules = {check.module for check in imports or failed}
    ran = (check for check in checks if check.outcome is not CheckOutcome.NOT_RUN and check.function)
    return tuple(check.check for check in ran if check.module in modules)


def judged(checks: Sequence[CheckResult], cell: Path, check_timeout: float) -> list[CheckResult]:
    """Return the checks, those intermittent that failed only once of the two times that they ran.

    The second time was in the `folder` of `cell`.
    """
    again = records.settled(records.attempts_in(folder(cell)), check_timeout)
    return [_judged(check, again[check.check]) if check.check in again else check for check in checks]


def _judged(first: CheckResult, second: CheckResult) -> CheckResult:
    if first.outcome.is_failure and second.outcome.is_expected:
        reason = f"{first.outcome}, but {second.outcome} when run again: {first.reason}"
        return replace(first, outcome=CheckOutcome.INTERMITTENT, reason=reason)
    if first.outcome.is_expected and second.outcome.is_failure:
        reason = f"{first.outcome}, but {second.outcome} when run again: {second.reason}"
        return replace(second, outcome=CheckOutcome.INTERMITTENT, reason=reason)
    return first
