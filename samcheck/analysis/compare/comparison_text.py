"""A comparison as Markdown, for terminals and CI; the exit code is set elsewhere (pure)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from samcheck.analysis.compare.comparison import Comparison
from samcheck.analysis.compare.grouping import MOST, alike, lines
from samcheck.analysis.compare.outcome_changes import ChangeKind
from samcheck.analysis.compare.verdicts import NumberVerdict
from samcheck.report.escaping import escape

MARKS = {
    NumberVerdict.REGRESSED: "✗",
    NumberVerdict.IMPROVED: "✓",
    NumberVerdict.AMBIGUOUS: "?",
    NumberVerdict.MISSING: "–",
    NumberVerdict.NEW: "+",
    NumberVerdict.NOT_COMPARABLE: "○",
    NumberVerdict.UNCHANGED: "=",
}


def markdown(comparison: Comparison, everything: bool = False) -> str:
    """Return the whole document: the verdict first, then the changes, most important first."""
    parts = (
        _head(comparison),
        _outcomes(comparison),
        _numbers(comparison, math.inf if everything else MOST),
        _pairs(comparison),
        _notes(comparison),
    )
    return "\n".join(line for part in parts for line in part) + "\n"


def headline(comparison: Comparison) -> str:
    """Return the comparison in one sentence."""
    counts = Counter(verdict.verdict for verdict in comparison.verdicts)
    kinds = Counter(change.kind for change in comparison.changes)
    worse = [f"{kinds[ChangeKind.BROKEN]} broken"] if kinds[ChangeKind.BROKEN] else []
    worse += [f"upstream defects met: {kinds[ChangeKind.DEFECT_MET]}"] if kinds[ChangeKind.DEFECT_MET] else []
    worse += (
        [f"numbers regressed: {counts[NumberVerdict.REGRESSED]}"] if counts[NumberVerdict.REGRESSED] else []
    )
    verdict_text = "worse: " + ", ".join(worse) if worse else "nothing got worse"
    rest = [
        f"{counts[verdict]} {verdict}"
        for verdict in NumberVerdict
        if counts[verdict] and verdict is not NumberVerdict.REGRESSED
    ]
    return f"{verdict_text}; {', '.join(rest) or 'no numbers to compare'}"


def _head(comparison: Comparison) -> Iterator[str]:
    yield f"# {escape(comparison.base)} → {escape(comparison.new)}"
    yield ""
    yield f"**{escape(headline(comparison))}**"
    yield ""


def _outcomes(comparison: Comparison) -> Iterator[str]:
    if not comparison.changes:
        return
    yield "## Outcomes"
    yield ""
    for kind in ChangeKind:
        for first, members in alike([change for change in comparison.changes if change.kind == kind]):
            which = first.check or "the cell"
            if len(members) > 1:
                which = f"{len(members)} of group {first.group}, such as {first.check}"
            because = f": {first.reason}" if first.reason else ""
            text = f"{which} on {first.row}: {first.base} → {first.new}{because}"
            yield f"- {kind}: {escape(text)}"
    yield ""


def _numbers(comparison: Comparison, most: float) -> Iterator[str]:
    shown = [verdict for verdict in NumberVerdict if verdict is not NumberVerdict.UNCHANGED]
    if not any(number.verdict in shown for number in comparison.verdicts):
        return
    yield "## Numbers"
    yield ""
    for verdict in shown:
        for line in lines(comparison.verdicts, verdict, most):
            text = " ".join(filter(None, (line.what, line.effect)))
            reason = f": {line.reason}" if line.reason else ""
            yield f"- {MARKS[verdict]} {verdict}: {escape(text + reason)}"
    yield ""


def _pairs(comparison: Comparison) -> Iterator[str]:
    yield "## What was compared"
    yield ""
    for pair in comparison.pairs:
        if pair.base is None or pair.new is None:
            yield f"- {escape(pair.name)}: only in the {'base' if pair.base else 'new results'}"
            continue
        differences = escape("; ".join(map(str, pair.differences)))
        yield f"- {escape(pair.name)}: {differences or 'the same environment'}"
    yield ""


def _notes(comparison: Comparison) -> Iterator[str]:
    for note in comparison.notes:
        yield f"- note: {escape(note)}"
