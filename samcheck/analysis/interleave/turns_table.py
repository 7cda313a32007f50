"""Table of the results of each benchmark measured in turns (pure)."""

from __future__ import annotations

from samcheck.analysis.compare import Comparison
from samcheck.analysis.compare.verdicts import Verdict
from samcheck.guest.node_ids import short_name
from samcheck.measurable import UNMEASURABLE
from samcheck.report.escaping import escape, grid


def times(comparison: Comparison) -> list[str]:
    """Return a row for each benchmark: new against base, with its confidence interval."""
    body = [row for verdict in comparison.verdicts if (row := _row(verdict))]
    return grid(["benchmark", "new against base", "confidence interval", ""], body)


def _row(verdict: Verdict) -> list[str]:
    if verdict.change is None or verdict.interval is None:
        return []
    name = escape(short_name(verdict.key.check))
    if not verdict.is_measured:
        return [name, UNMEASURABLE, "–", verdict.verdict]
    low, high = map(verdict.family.shown, verdict.interval)
    return [name, verdict.family.shown(verdict.change), f"{low} to {high}", verdict.verdict]
