"""What a run with a fault says, compared with one without: pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CheckResult
from samcheck.run import records
from samcheck.run.records import Attempt

#: What pytest ends with when every check that ran held.
ALL_HELD = 0


@dataclass(frozen=True)
class Verdict:
    """Whether the suite saw a fault.

    Only what makes a cell fail counts: a check that `failed`, `crashed` or `timed-out`, a module that cannot
    be collected, or a suite that does not get to its end. A check that turns `skipped`, `known` or `fixed`
    does not: the cell stays green, and green because nothing ran is how faults get through.

    Attributes:
        check: the first that saw it, in the order in which they ran; empty if none did.
        outcome: of that check.
        reason: of that outcome; for a fault that was missed, what changed all the same.
        also: how many checks saw it besides; 0 where the run stopped at the first.
    """

    caught: bool
    check: str = ""
    outcome: str = ""
    reason: str = ""
    also: int = 0


def outcomes(attempt: Attempt, check_timeout: float) -> dict[str, CheckResult]:
    """The result of every check, those that could not be collected first."""
    results = records.verdicts([attempt], check_timeout)
    broken = {result.check: result for result in attempt.journal.broken}
    return {**broken, **{result.check: result for result in results if result.check not in broken}}


def not_green(attempt: Attempt, check_timeout: float) -> list[str]:
    """What keeps a run without a fault from being one to compare with."""
    found = [
        f"{result.check}: {result.outcome}: {result.reason}"
        for result in outcomes(attempt, check_timeout).values()
        if result.outcome.is_bad
    ]
    if not found and (not attempt.complete or attempt.journal.exit_status != ALL_HELD):
        found.append(_ended(attempt))
    return found


def judge(clean: dict[str, str], attempt: Attempt, check_timeout: float) -> Verdict:
    """Compare a run with a fault with the outcomes of a run without."""
    seen = outcomes(attempt, check_timeout)
    by = [
        result
        for result in seen.values()
        if result.outcome.is_failure
        and not (result.check in clean and CheckOutcome(clean[result.check]).is_bad)
    ]
    if by:
        return Verdict(True, by[0].check, by[0].outcome, by[0].reason, len(by) - 1)
    if not attempt.complete or attempt.journal.exit_status != ALL_HELD:
        return Verdict(True, "(the suite itself)", "crashed", _ended(attempt))
    return Verdict(False, reason="; ".join(_turned(clean, seen)))


def _ended(attempt: Attempt) -> str:
    said = (attempt.output.strip().splitlines() or ["it printed nothing"])[-1][:200]
    return f"ended outside of a check: {attempt.ended}, pytest status {attempt.journal.exit_status}: {said}"


def _turned(clean: dict[str, str], seen: dict[str, CheckResult]) -> Iterator[str]:
    """How many checks have another outcome than without the fault, by both outcomes."""
    counts: dict[tuple[str, str], list[str]] = {}
    for check, before in clean.items():
        after = seen[check].outcome if check in seen else "not collected"
        if after != before:
            counts.setdefault((before, after), []).append(check)
    for (before, after), checks in counts.items():
        yield f"{len(checks)} from {before} to {after}, first {checks[0]}"
