"""Changes in the outcomes of cells and checks (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from samcheck.analysis.compare.result_pairs import ResultPair
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CellResult, CheckResult


class ChangeKind(StrEnum):
    """How an outcome changed, most important first."""

    BROKEN = "broken"
    INTERMITTENT = "intermittent"
    DEFECT_MET = "defect met"
    NO_LONGER_TRIED = "no longer tried"
    MENDED = "mended"
    DEFECT_GONE = "defect gone"
    NOW_TRIED = "now tried"
    OTHER = "other"


@dataclass(frozen=True)
class OutcomeChange:
    """A changed outcome.

    Attributes:
        check: empty if it is the cell's own outcome.
        defect: the known defect that the check meets now, or met before.
        reason: of the new outcome; if it has none, that of the base, with ``before:``.
    """

    row: str
    check: str
    group: str
    kind: ChangeKind
    base: str
    new: str
    reason: str
    defect: str = ""

    @property
    def bad(self) -> bool:
        return self.kind in (ChangeKind.BROKEN, ChangeKind.DEFECT_MET)


def outcome_changes(pair: ResultPair) -> list[OutcomeChange]:
    """Return every changed outcome of a pair, the cell's own first if both ran the same checks."""
    if pair.base is None or pair.new is None:
        return []
    changes = []
    if pair.base.outcome != pair.new.outcome and pair.base.only == pair.new.only:
        kind = _kind_of_cell(pair.base, pair.new)
        reason = _reason(pair.base, pair.new)
        changes.append(OutcomeChange(pair.name, "", "", kind, pair.base.outcome, pair.new.outcome, reason))
    before = {check.check: check for check in pair.base.checks}
    for check in pair.new.checks:
        old = before.get(check.check)
        if old is not None and old.outcome != check.outcome:
            changes.append(_change(pair.name, old, check))
    return changes


def _kind_of_cell(base: CellResult, new: CellResult) -> ChangeKind:
    bad = {check.outcome for check in new.checks if check.outcome.is_bad}
    if new.outcome is CellOutcome.FAILED and bad == {CheckOutcome.INTERMITTENT}:
        return ChangeKind.INTERMITTENT
    if base.outcome is CellOutcome.PASSED:
        return ChangeKind.BROKEN
    return ChangeKind.MENDED if new.outcome is CellOutcome.PASSED else ChangeKind.OTHER


def _change(row: str, old: CheckResult, new: CheckResult) -> OutcomeChange:
    kind = _kind(old.outcome, new.outcome)
    defect = new.defect or old.defect or ""
    return OutcomeChange(row, new.check, new.group, kind, old.outcome, new.outcome, _reason(old, new), defect)


def _reason(old: CheckResult | CellResult, new: CheckResult | CellResult) -> str:
    return new.reason or (f"before: {old.reason}" if old.reason else "")


def _kind(old: CheckOutcome, new: CheckOutcome) -> ChangeKind:
    if new is CheckOutcome.INTERMITTENT:
        return ChangeKind.INTERMITTENT
    sure = old is not CheckOutcome.INTERMITTENT  # else it was good at times, and bad at times
    if new.is_bad:
        return ChangeKind.OTHER if old.is_bad and sure else ChangeKind.BROKEN
    if old.is_bad:
        return ChangeKind.MENDED if sure else ChangeKind.OTHER
    if CheckOutcome.SKIPPED in (old, new):
        return ChangeKind.NO_LONGER_TRIED if new is CheckOutcome.SKIPPED else ChangeKind.NOW_TRIED
    if new is CheckOutcome.KNOWN:
        return ChangeKind.DEFECT_MET
    return ChangeKind.DEFECT_GONE if old is CheckOutcome.KNOWN else ChangeKind.OTHER
