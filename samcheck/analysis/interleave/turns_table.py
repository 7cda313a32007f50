"""What the turns say of each benchmark, as a table (pure)."""

from __future__ import annotations

from samcheck.analysis.compare import Comparison
from samcheck.analysis.compare.verdicts import Verdict
from samcheck.guest.record import short_name
from samcheck.report.escaping import escape, grid


def times(comparison: Comparison) -> list[str]:
    """A row for each benchmark: new against base, and what that is with certainty between."""
    body = [row for verdict in comparison.verdicts if (row := _row(verdict))]
    return grid(["benchmark", "new against base", "certainly between", ""], body)


def _row(verdict: Verdict) -> list[str]:
    if verdict.change is None or verdict.interval is None:
        return []
    low, high = map(verdict.family.shown, verdict.interval)
    name = escape(short_name(verdict.key.check))
    return [name, verdict.family.shown(verdict.change), f"{low} and {high}", verdict.verdict]
