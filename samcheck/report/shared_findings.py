"""What a check finds in an environment, and in all others of its machine that tried it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CellResult, CheckResult

#: What says something of a check wherever it is found; failures can have any cause.
TELLING = (CheckOutcome.PASSED, CheckOutcome.KNOWN, CheckOutcome.FIXED, CheckOutcome.SKIPPED)

#: An outcome, with the id of the defect if there is one.
Finding = tuple[CheckOutcome, str | None]
SKIPPED: Finding = (CheckOutcome.SKIPPED, None)


@dataclass(frozen=True)
class SharedFindings:
    """The findings of other environments.

    Attributes:
        environments: how many there are.
        findings: by check.
    """

    environments: int = 0
    findings: Mapping[str, Set[Finding]] = field(default_factory=dict)

    def has(self, check: CheckResult) -> bool:
        """Whether every other environment that tried the check found the same."""
        mine, others = (check.outcome, check.defect), self.findings.get(check.check, frozenset())
        return (others if mine == SKIPPED else others - {SKIPPED}) == {mine}


NOTHING_SHARED = SharedFindings()


def shared_findings(others: Iterable[CellResult]) -> SharedFindings:
    """The findings of these results."""
    findings: dict[str, set[Finding]] = {}
    environments = set()
    for result in others:
        environments.add(result.cell.id)
        for check in result.checks:
            if check.outcome in TELLING:
                findings.setdefault(check.check, set()).add((check.outcome, check.defect))
    return SharedFindings(len(environments), findings)
