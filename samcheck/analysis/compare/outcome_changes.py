"""What became of cells and checks: outcomes that changed (pure)."""

from __future__ import annotations

from dataclasses import dataclass

from samcheck.analysis.compare.result_pairs import ResultPair
from samcheck.guest.record import CellOutcome, CellResult, CheckOutcome, CheckResult

#: From what matters most to what matters least.
KINDS = ("broken", "defect met", "no longer tried", "mended", "defect gone", "now tried", "other")


@dataclass(frozen=True)
class OutcomeChange:
    """An outcome that is another one now.

    Attributes:
        check: empty where it is the cell's own outcome.
        kind: one of `KINDS`.
        reason: of the new outcome; of the base's, with ``before:``, where the new one needs none.
    """

    row: str
    check: str
    group: str
    kind: str
    base: str
    new: str
    reason: str

    @property
    def bad(self) -> bool:
        return self.kind in ("broken", "defect met")


def outcome_changes(pair: ResultPair) -> list[OutcomeChange]:
    """Every outcome of a pair that changed, the cell's own first where both were asked for the same."""
    if pair.base is None or pair.new is None:
        return []
    changes = []
    if pair.base.outcome != pair.new.outcome and pair.base.only == pair.new.only:
        kind = (
            "broken"
            if pair.base.outcome is CellOutcome.PASSED
            else "mended"
            if pair.new.outcome is CellOutcome.PASSED
            else "other"
        )
        reason = _reason(pair.base, pair.new)
        changes.append(OutcomeChange(pair.name, "", "", kind, pair.base.outcome, pair.new.outcome, reason))
    before = {check.check: check for check in pair.base.checks}
    for check in pair.new.checks:
        old = before.get(check.check)
        if old is not None and old.outcome != check.outcome:
            changes.append(_change(pair.name, old, check))
    return changes


def _change(row: str, old: CheckResult, new: CheckResult) -> OutcomeChange:
    kind = _kind(old.outcome, new.outcome)
    return OutcomeChange(row, new.check, new.group, kind, old.outcome, new.outcome, _reason(old, new))


def _reason(old: CheckResult | CellResult, new: CheckResult | CellResult) -> str:
    return new.reason or (f"before: {old.reason}" if old.reason else "")


def _kind(old: CheckOutcome, new: CheckOutcome) -> str:
    if new.is_bad:
        return "other" if old.is_bad else "broken"
    if old.is_bad:
        return "mended"
    if new is CheckOutcome.SKIPPED:
        return "no longer tried"
    if old is CheckOutcome.SKIPPED:
        return "now tried"
    if new is CheckOutcome.KNOWN:
        return "defect met"
    return "defect gone" if old is CheckOutcome.KNOWN else "other"
