"""Checks of one cell → the fields of its row: one per group, or one per variant and precision."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from samcheck.guest.record import GROUP_NAMES, PRECISION_NAMES, VARIANT_TIERS, CheckResult

#: From what matters most in a field to what matters least.
SEVERITY = (
    "failed",
    "crashed",
    "timed-out",
    "not-run",
    "known",
    "skipped",
    "fixed",
    "passed",
)
SYMBOLS = {
    "passed": "✓",
    "fixed": "✓",
    "known": "≈",
    "skipped": "○",
    "failed": "✗",
    "crashed": "✗",
    "timed-out": "✗",
    "not-run": "–",
}


@dataclass(frozen=True)
class Column:
    """What a field is about; what it is not told apart by is empty."""

    group: str
    variant: str
    precision: str

    @property
    def title(self) -> str:
        return " ".join(part for part in (self.group, self.variant, self.precision) if part)

    @property
    def order(self) -> tuple[int, str, int, str, int, str]:
        return (
            *_rank(self.group, GROUP_NAMES),
            *_rank(self.variant, tuple(VARIANT_TIERS)),
            *_rank(self.precision, PRECISION_NAMES),
        )


def _rank(name: str, known: tuple[str, ...]) -> tuple[int, str]:
    if not name:
        return (-1, "")
    return (known.index(name) if name in known else len(known), name)


def by_group(check: CheckResult) -> Column | None:
    return _column(check.group, "", "")


def by_precision(check: CheckResult) -> Column | None:
    if check.variant is None or check.precision is None:
        return None
    return _column("", check.variant, check.precision)


#: Thousands of checks have some dozens of columns.
_column = cache(Column)


@dataclass(frozen=True)
class Field:
    """Outcome of a field, the worst of its checks, and the reasons of those that are not green."""

    outcome: str
    count: int
    worst: int
    reasons: tuple[str, ...]

    @property
    def text(self) -> str:
        """Symbol and word; a share where only some of the checks are not green."""
        if self.outcome == "passed" or self.worst == self.count:
            return f"{SYMBOLS[self.outcome]} {self.outcome}"
        return f"{SYMBOLS[self.outcome]} {self.outcome} {self.worst}/{self.count}"


def fields(
    checks: Iterable[CheckResult], column: Callable[[CheckResult], Column | None]
) -> dict[Column, Field]:
    """The fields of a row; checks for which there is no column are left out."""
    grouped: dict[Column, list[CheckResult]] = {}
    for check in checks:
        where = column(check)
        if where is not None:
            grouped.setdefault(where, []).append(check)
    return {where: _field(members) for where, members in grouped.items()}


def _field(members: list[CheckResult]) -> Field:
    outcome = min((check.outcome for check in members), key=SEVERITY.index)
    # "fixed" is good news, but the reader is told.
    # Thousands of results have the same reasons: each is kept once.
    reasons = {sys.intern(reason_of(check)): None for check in members if check.outcome != "passed"}
    worst = sum(check.outcome == outcome for check in members)
    return Field(outcome, len(members), worst, tuple(reasons))


def reason_of(check: CheckResult) -> str:
    """A footnote: outcome, defect id where there is one, and why."""
    defect = f" [{check.defect}]" if check.defect else ""
    return f"{check.outcome}{defect}: {check.reason or 'no reason was recorded'}"
