"""What a field of a table says at a glance."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from samcheck.guest.outcomes import CheckOutcome
from samcheck.report.fields import Field


class Mark(StrEnum):
    """The sign of a field."""

    FAILS = "✗"  # a check failed, crashed or timed out
    INTERMITTENT = "~"  # a check failed, but not when it was run again
    DIFFERS = "≈"  # a known defect of SAM or PyTorch shows here, and not in every environment
    WORKS = "✓"  # checks passed, and none failed
    CANNOT_RUN = "○"  # every check was skipped
    UNTRIED = "–"  # no check ran, or some never started

    @property
    def word(self) -> str:
        return _WORDS[self]


_WORDS = {
    Mark.FAILS: "fails",
    Mark.INTERMITTENT: "intermittent",
    Mark.UNTRIED: "not tried",
    Mark.CANNOT_RUN: "cannot run",
    Mark.DIFFERS: "differs",
    Mark.WORKS: "works",
}

_RANKS = {sign: rank for rank, sign in enumerate(Mark)}


def combined(marks: Collection[Mark]) -> Mark:
    """The sign of several runs of the same: what one has tried counts, and of that the worst."""
    return min(marks, key=_RANKS.__getitem__, default=Mark.UNTRIED)


def mark(field: Field | None, everywhere: Collection[str] | None = None) -> Mark:
    """The sign of a field.

    Args:
        field: None where no check of it is known.
        everywhere: the known defects that show in every environment alike, by their ids; None to pass
            over all known defects.
    """
    if field is None or field.outcome is CheckOutcome.NOT_RUN:
        return Mark.UNTRIED
    if field.outcome.is_failure:
        return Mark.FAILS
    if field.outcome is CheckOutcome.INTERMITTENT:
        return Mark.INTERMITTENT
    if not field.held:
        return Mark.CANNOT_RUN
    met = {reason.defect for reason in field.reasons if reason.outcome == CheckOutcome.KNOWN}
    if everywhere is not None and not met <= set(everywhere):
        return Mark.DIFFERS
    return Mark.WORKS
