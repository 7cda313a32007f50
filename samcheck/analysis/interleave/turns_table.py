"""What the turns say of each benchmark, as a table (pure)."""

from __future__ import annotations

from samcheck.analysis.compare import Comparison
from samcheck.analysis.compare.verdicts import Verdict
from samcheck.report.escaping import escape, grid


def times(found: Comparison) -> list[str]:
    """A row for each benchmark: new against base, and what that is with certainty between."""
    body = [row for each in found.verdicts if (row := _row(each))]
    return grid(["benchmark", "new against base", "certainly between", ""], body)


def _row(verdict: Verdict) -> list[str]:
    if verdict.change is None or verdict.interval is None:
        return []
    low, high = map(verdict.family.shown, verdict.interval)
    name = verdict.key.check.partition("::test_")[2]
    return [escape(name), verdict.family.shown(verdict.change), f"{low} and {high}", verdict.verdict]
