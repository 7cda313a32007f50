"""A comparison as Markdown, for terminals and CI; the exit code is set elsewhere (pure)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from samcheck.analysis import screen
from samcheck.analysis.compare import package_differences
from samcheck.analysis.compare.comparison import Comparison
from samcheck.analysis.compare.exact_bits import compare_bits
from samcheck.analysis.compare.grouping import MOST, alike, by_cause, lines
from samcheck.analysis.compare.kernel_changes import in_short
from samcheck.analysis.compare.outcome_changes import ChangeKind, OutcomeChange
from samcheck.analysis.compare.verdicts import NumberVerdict
from samcheck.report.escaping import escape

#: Packages of one kind that are named, except with --all.
MOST_PACKAGES = 3
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
    """Return the document: the verdict first, then the changes, most important first.

    Args:
        everything: do not shorten it to what fits a screen.
    """
    parts = (
        _outcomes(comparison) if everything else _causes(comparison),
        _packages(comparison, everything),
        _kernels(comparison, everything),
        _numbers(comparison, math.inf if everything else MOST),
        _pairs(comparison, everything),
        _notes(comparison),
    )
    body = [line for part in parts for line in part]
    if everything:
        return "\n".join([*_head(comparison), *body]) + "\n"
    head = [line for text in _head(comparison) for line in screen.wrapped(text) or [""]]
    return "\n".join(screen.fitted([*head, *map(screen.cut, body)])) + "\n"


def headline(comparison: Comparison) -> str:
    """Return the comparison in one sentence."""
    if comparison.nothing_in_common:
        return "nothing in common: the two sides share no check and no number"
    counts = Counter(verdict.verdict for verdict in comparison.verdicts)
    kinds = Counter(change.kind for change in comparison.changes if change.check)
    worse = list(_broken(comparison))
    worse += [f"upstream defects met: {kinds[ChangeKind.DEFECT_MET]}"] if kinds[ChangeKind.DEFECT_MET] else []
    worse += (
        [f"numbers regressed: {counts[NumberVerdict.REGRESSED]}"] if counts[NumberVerdict.REGRESSED] else []
    )
    verdict_text = "worse: " + ", ".join(worse) if worse else "nothing got worse"
    unsure = [f"intermittent: {kinds[ChangeKind.INTERMITTENT]}"] if kinds[ChangeKind.INTERMITTENT] else []
    rest = unsure + [
        f"{counts[verdict]} {verdict}"
        for verdict in NumberVerdict
        if counts[verdict] and verdict is not NumberVerdict.REGRESSED
    ]
    return f"{verdict_text}; {', '.join(rest) or 'no numbers to compare'}"


def _broken(comparison: Comparison) -> Iterator[str]:
    """Yield how much broke, and by how many causes."""
    broken = [change for change in comparison.changes if change.kind is ChangeKind.BROKEN]
    if broken:
        checks = sum(bool(change.check) for change in broken)
        count, word = (checks, "check") if checks else (len(broken), "cell")
        causes = len(by_cause([change for change in broken if change.check]) if checks else by_cause(broken))
        by = "one cause" if causes == 1 else f"{causes} causes"
        yield f"broken: {count} {word if count == 1 else word + 's'} by {by}"


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


def _causes(comparison: Comparison) -> Iterator[str]:
    """Yield a line for each cause of changed outcomes: what it is, how many checks, and where."""
    several = len(comparison.pairs) > 1
    for kind in ChangeKind:
        for members in by_cause([change for change in comparison.changes if change.kind == kind]):
            first = members[0]
            where = f" on {escape(first.row)}" if several else ""
            yield f"- {kind}{where}: {escape(_cause(members))}"
    yield ""


def _cause(members: Sequence[OutcomeChange]) -> str:
    checks = [change for change in members if change.check]
    first = checks[0] if checks else members[0]
    if not checks:
        return f"the cell: {first.base} → {first.new}{f': {first.reason}' if first.reason else ''}"
    count = f"{len(checks)} checks" if len(checks) > 1 else "1 check"
    if first.defect:
        return f"{first.defect} ({count}): {first.reason}"
    if first.kind is ChangeKind.BROKEN:
        return f"{first.reason} ({count})"
    groups = ", ".join(dict.fromkeys(change.group for change in checks))
    return f"{count if len(checks) > 1 else first.check} of {groups}: {first.base} → {first.new}"


def _numbers(comparison: Comparison, most: float) -> Iterator[str]:
    shown = [verdict for verdict in NumberVerdict if verdict is not NumberVerdict.UNCHANGED]
    if not any(number.verdict in shown for number in comparison.verdicts):
        return
    yield "## Numbers"
    yield ""
    for verdict in shown:
        for line in lines(comparison.verdicts, verdict, most):
            text = " ".join(filter(None, (line.what, line.effect, line.launch_bound)))
            reason = f": {line.reason}" if line.reason else ""
            yield f"- {MARKS[verdict]} {verdict}: {escape(text + reason)}"
    yield ""


def _kernels(comparison: Comparison, everything: bool) -> Iterator[str]:
    """Yield which kernels took the place of others; in one line, unless everything is asked for."""
    if not comparison.kernels:
        return
    texts = map(str, comparison.kernels) if everything else [in_short(comparison.kernels)]
    yield from (f"- other kernels: {escape(text)}" for text in texts)
    yield ""


def _packages(comparison: Comparison, everything: bool) -> Iterator[str]:
    """Yield how the packages of the user's own environments differ."""
    for differences in comparison.packages:
        head, *rest = package_differences.lines(differences, 10**6 if everything else MOST_PACKAGES)
        yield f"- {escape(head)}"
        yield from (f"  - {escape(text)}" for text in rest)
    if comparison.packages:
        yield ""


def _pairs(comparison: Comparison, everything: bool) -> Iterator[str]:
    yield "## What was compared"
    yield ""
    for pair in comparison.pairs:
        if pair.base is None or pair.new is None:
            yield f"- {escape(pair.name)}: only in the {'base' if pair.base else 'new results'}"
            continue
        differences = "; ".join(map(str, pair.differences)) or "the same environment"
        bits = compare_bits(pair)
        named = f" ({', '.join(bits.other)})" if everything and bits.other else ""
        yield f"- {escape(pair.name)}: {escape('; '.join(filter(None, (differences, f'{bits}{named}'))))}"
    yield ""


def _notes(comparison: Comparison) -> Iterator[str]:
    for note in comparison.notes:
        yield f"- note: {escape(note)}"
