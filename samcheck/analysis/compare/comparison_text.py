"""A comparison as Markdown, for a terminal and for CI; the exit code is elsewhere (pure)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from samcheck.analysis.compare.comparison import Comparison
from samcheck.analysis.compare.grouping import MOST, alike, lines
from samcheck.analysis.compare.outcome_changes import KINDS
from samcheck.analysis.compare.verdicts import VERDICTS
from samcheck.report.escaping import escape

MARKS = {
    "regressed": "✗",
    "improved": "✓",
    "ambiguous": "?",
    "missing": "–",
    "new": "+",
    "not comparable": "○",
    "unchanged": "=",
}


def markdown(found: Comparison, everything: bool = False) -> str:
    """The whole document: the verdict first, then what changed, what matters most on top."""
    parts = (
        _head(found),
        _outcomes(found),
        _numbers(found, math.inf if everything else MOST),
        _rows(found),
        _notes(found),
    )
    return "\n".join(line for part in parts for line in part) + "\n"


def headline(found: Comparison) -> str:
    """One sentence."""
    counts = Counter(each.verdict for each in found.verdicts)
    kinds = Counter(each.kind for each in found.changes)
    worse = [f"{kinds['broken']} broken"] if kinds["broken"] else []
    worse += [f"upstream defects met: {kinds['defect met']}"] if kinds["defect met"] else []
    worse += [f"numbers regressed: {counts['regressed']}"] if counts["regressed"] else []
    word = "worse: " + ", ".join(worse) if worse else "nothing is known to be worse"
    rest = [f"{counts[each]} {each}" for each in VERDICTS if counts[each] and each != "regressed"]
    return f"{word}; {', '.join(rest) or 'no numbers to compare'}"


def _head(found: Comparison) -> Iterator[str]:
    yield f"# {escape(found.base)} → {escape(found.new)}"
    yield ""
    yield f"**{escape(headline(found))}**"
    yield ""


def _outcomes(found: Comparison) -> Iterator[str]:
    if not found.changes:
        return
    yield "## Outcomes"
    yield ""
    for kind in KINDS:
        for first, members in alike([each for each in found.changes if each.kind == kind]):
            which = first.check or "the cell"
            if len(members) > 1:
                which = f"{len(members)} of group {first.group}, such as {first.check}"
            because = f": {first.reason}" if first.reason else ""
            text = f"{which} on {first.row}: {first.base} → {first.new}{because}"
            yield f"- {kind}: {escape(text)}"
    yield ""


def _numbers(found: Comparison, most: float) -> Iterator[str]:
    told = [word for word in VERDICTS if word not in ("unchanged",)]
    if not any(each.verdict in told for each in found.verdicts):
        return
    yield "## Numbers"
    yield ""
    for word in told:
        for line in lines(found.verdicts, word, most):
            text = " ".join(filter(None, (line.what, line.effect)))
            reason = f": {line.reason}" if line.reason else ""
            yield f"- {MARKS[word]} {word}: {escape(text + reason)}"
    yield ""


def _rows(found: Comparison) -> Iterator[str]:
    yield "## What was compared"
    yield ""
    for row in found.rows:
        if row.base is None or row.new is None:
            yield f"- {escape(row.name)}: only in the {'base' if row.base else 'new results'}"
            continue
        yield f"- {escape(row.name)}: {escape('; '.join(map(str, row.changed))) or 'the same environment'}"
    yield ""


def _notes(found: Comparison) -> Iterator[str]:
    for note in found.notes:
        yield f"- note: {escape(note)}"
