"""Checks of one cell → the fields of its row: one per group, or one per variant and precision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import NamedTuple

from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import GROUP_NAMES, PRECISION_NAMES, CheckResult
from samcheck.guest.variant_names import VARIANT_TIERS

#: The backend that is PyTorch itself.
PLAIN = "eager"
#: From what matters most in a field to what matters least.
SEVERITY = (
    CheckOutcome.FAILED,
    CheckOutcome.CRASHED,
    CheckOutcome.TIMED_OUT,
    CheckOutcome.INTERMITTENT,
    CheckOutcome.NOT_RUN,
    CheckOutcome.KNOWN,
    CheckOutcome.SKIPPED,
    CheckOutcome.FIXED,
    CheckOutcome.PASSED,
)
_SEVERITY = {outcome: rank for rank, outcome in enumerate(SEVERITY)}
#: Those of a cell have the same words where they have the same signs.
SYMBOLS: dict[str, str] = {
    CheckOutcome.PASSED: "✓",
    CheckOutcome.FIXED: "✓",
    CheckOutcome.KNOWN: "≈",
    CheckOutcome.SKIPPED: "○",
    CheckOutcome.FAILED: "✗",
    CheckOutcome.CRASHED: "✗",
    CheckOutcome.TIMED_OUT: "✗",
    CheckOutcome.INTERMITTENT: "~",
    CheckOutcome.NOT_RUN: "–",
}


class Column(NamedTuple):
    """What a field is about; parts that do not apply are empty."""

    group: str
    variant: str
    precision: str

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


class Kind(NamedTuple):
    """What a field needs of a check; the hundreds of one result are of some dozens of kinds."""

    group: str
    variant: str | None
    precision: str | None
    backend: str | None
    outcome: CheckOutcome
    defect: str | None
    reason: str
    evidence: str


class Reason(NamedTuple):
    """Why a field is not green.

    Attributes:
        outcome: of a check or of a cell; other words where a table has its own.
        defect: id of a catalogued one.
        text: why; of a defect, what it is.
        evidence: how it showed itself.
    """

    outcome: str
    defect: str | None
    text: str
    evidence: str = ""

    @property
    def head(self) -> str:
        """``known [some-defect]``."""
        return f"{self.outcome} [{self.defect}]" if self.defect else self.outcome

    @property
    def explanation(self) -> str:
        return f"{self.text} ({self.evidence})" if self.evidence else self.text

    def __str__(self) -> str:
        return f"{self.head}: {self.explanation}"


#: Thousands of results have the same reasons: each is kept once.
_reason = cache(Reason)
UNRECORDED = "no reason was recorded"
_kind = attrgetter(*Kind._fields)


def tally(checks: Iterable[CheckResult]) -> dict[Kind, int]:
    """How many checks there are of each kind, in the order in which they first appear."""
    return {Kind(*kind): times for kind, times in Counter(map(_kind, checks)).items()}


def by_group(check: CheckResult | Kind) -> Column | None:
    return _column(check.group, "", "")


def by_precision(check: CheckResult | Kind) -> Column | None:
    if check.variant is None or check.precision is None:
        return None
    return _column("", check.variant, check.precision)


def by_backend(check: CheckResult | Kind) -> Column | None:
    """Of what runs SAM in place of plain PyTorch."""
    return _column(check.backend, "", "") if check.backend and check.backend != PLAIN else None


#: Thousands of checks have some dozens of columns.
_column = cache(Column)


@dataclass(frozen=True, slots=True)
class Field:
    """Outcome of a field, the worst of its checks, and the reasons of those that are not green.

    Attributes:
        count: how many checks there are.
        worst: how many have the field's outcome.
        reasons: of every outcome but ``passed``.
        held: how many passed, or showed that a defect is fixed.
    """

    outcome: CheckOutcome
    count: int
    worst: int
    reasons: tuple[Reason, ...]
    held: int = 0


def fields(checks: Iterable[CheckResult], column: Callable[[Kind], Column | None]) -> dict[Column, Field]:
    """The fields of a row; checks for which there is no column are left out."""
    return of_kinds(tally(checks), column)


def of_kinds(kinds: Mapping[Kind, int], column: Callable[[Kind], Column | None]) -> dict[Column, Field]:
    """As `fields`."""
    grouped: dict[Column, list[tuple[Kind, int]]] = {}
    for kind, times in kinds.items():
        field_column = column(kind)
        if field_column is not None:
            grouped.setdefault(field_column, []).append((kind, times))
    return {field_column: _field(members) for field_column, members in grouped.items()}


def _field(members: list[tuple[Kind, int]]) -> Field:
    count, times = 0, [0] * len(SEVERITY)
    reasons: dict[Reason, None] = {}
    for kind, repeated in members:
        count += repeated
        times[_SEVERITY[kind.outcome]] += repeated
        if kind.outcome is not CheckOutcome.PASSED:  # "fixed" is good news, and still shown
            reasons[_reason(kind.outcome, kind.defect, kind.reason or UNRECORDED, kind.evidence)] = None
    worst = next(rank for rank, repeated in enumerate(times) if repeated)
    held = times[_SEVERITY[CheckOutcome.PASSED]] + times[_SEVERITY[CheckOutcome.FIXED]]
    return Field(SEVERITY[worst], count, times[worst], tuple(reasons), held)


def reason_of(check: CheckResult) -> str:
    """Outcome, defect id where there is one, and why."""
    return str(Reason(check.outcome, check.defect, check.reason or UNRECORDED, check.evidence))
