"""Checks of one cell → the fields of its row: one per group, or one per variant and precision."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import NamedTuple

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
_SEVERITY = {outcome: rank for rank, outcome in enumerate(SEVERITY)}
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


class Column(NamedTuple):
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


class Kind(NamedTuple):
    """What a field needs of a check; the hundreds of one result are of some dozens of kinds."""

    group: str
    variant: str | None
    precision: str | None
    outcome: str
    defect: str | None
    reason: str


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


#: Thousands of checks have some dozens of columns.
_column = cache(Column)


@dataclass(frozen=True, slots=True)
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


def fields(checks: Iterable[CheckResult], column: Callable[[Kind], Column | None]) -> dict[Column, Field]:
    """The fields of a row; checks for which there is no column are left out."""
    return of_kinds(tally(checks), column)


def of_kinds(kinds: Mapping[Kind, int], column: Callable[[Kind], Column | None]) -> dict[Column, Field]:
    """As `fields`."""
    grouped: dict[Column, list[tuple[Kind, int]]] = {}
    for kind, times in kinds.items():
        where = column(kind)
        if where is not None:
            grouped.setdefault(where, []).append((kind, times))
    return {where: _field(members) for where, members in grouped.items()}


def _field(members: list[tuple[Kind, int]]) -> Field:
    count, times = 0, [0] * len(SEVERITY)
    reasons: dict[str, None] = {}
    for kind, each in members:
        count += each
        times[_SEVERITY[kind.outcome]] += each
        if kind.outcome != "passed":  # "fixed" is good news, but the reader is told
            # Thousands of results have the same reasons: each is kept once.
            reasons[sys.intern(reason_of(kind))] = None
    worst = next(rank for rank, each in enumerate(times) if each)
    return Field(SEVERITY[worst], count, times[worst], tuple(reasons))


def reason_of(check: CheckResult | Kind) -> str:
    """A footnote: outcome, defect id where there is one, and why."""
    defect = f" [{check.defect}]" if check.defect else ""
    return f"{check.outcome}{defect}: {check.reason or 'no reason was recorded'}"
