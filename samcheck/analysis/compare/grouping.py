"""Many verdicts → few lines: what all of a precision, a part or an environment have in common (pure)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import median

from samcheck.analysis.compare.outcome_changes import ChangeKind, OutcomeChange
from samcheck.analysis.compare.verdicts import NumberVerdict, Verdict
from samcheck.guest.record import function_of

#: Fewer alike are told one by one.
FEWEST = 3
#: More lines of one verdict are one for each kind of number, of what changed also one for each cell.
MOST = 8
FEATURES = ("row", "precision", "variant", "backend", "part")


@dataclass(frozen=True)
class SummaryLine:
    """One thing to know.

    Attributes:
        what: e.g. ``all 6 fp16 benchmarks on torch2.13.0-cu130-py3.12``.
        effect: ``+6.1% (+4.9% to +8.0%)``; empty where there is none.
    """

    what: str
    effect: str
    reason: str = ""


def lines(verdicts: Sequence[Verdict], wanted: NumberVerdict, most: float = math.inf) -> list[SummaryLine]:
    """What has the verdict `wanted`, the widest groups that have nothing else in them first.

    Where that would be more than `most` lines, one for each kind of number instead.
    """
    groups = _lines(verdicts, wanted)
    if len(groups) <= most:
        return groups
    kinds: dict[tuple[str, ...], list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.verdict == wanted:
            row = verdict.row if wanted.is_change else ""
            kinds.setdefault((verdict.family.name, _reason(verdict), row), []).append(verdict)
    return [_kind(group) for group in kinds.values()]


def _kind(group: Sequence[Verdict]) -> SummaryLine:
    """All of a kind, whatever else they do not have in common."""
    line = _line(group, (), all_of_it=False)
    if len(group) == 1:
        return line
    rows = {verdict.row for verdict in group}
    where = f"on {group[0].row}" if len(rows) == 1 else f"of {len(rows)} cells"
    what = f"{len(group)} {group[0].family.name} numbers {where}, such as {group[0].key}"
    return replace(line, what=f"{what}:" if line.effect else what)


def _lines(verdicts: Sequence[Verdict], wanted: NumberVerdict) -> list[SummaryLine]:
    left = [verdict for verdict in verdicts if verdict.verdict == wanted]
    # "All of them got slower" is said of those that were compared.
    absent = (NumberVerdict.MISSING, NumberVerdict.NEW) if wanted.is_change else ()
    compared = [verdict for verdict in verdicts if verdict.verdict not in absent]
    lines = []
    for features in _feature_sets():
        for group in _complete_groups(left, compared, features):
            lines.append(_line(group, features, all_of_it=True))
            left = [verdict for verdict in left if verdict not in group]
    return lines + [_line([verdict], FEATURES, all_of_it=False) for verdict in left]


def _feature_sets() -> Iterable[tuple[str, ...]]:
    """From the widest groups to the narrowest."""
    for size in range(1, 4):
        yield from combinations(FEATURES, size)


def _complete_groups(
    left: Sequence[Verdict], compared: Sequence[Verdict], features: tuple[str, ...]
) -> list[list[Verdict]]:
    """Groups that agree in `features` and are all in `left`, of one family."""
    groups: dict[tuple[str, ...], list[Verdict]] = {}
    for verdict in left:
        groups.setdefault(_values(verdict, features), []).append(verdict)
    total = Counter(_values(verdict, features) for verdict in compared)
    return [group for values, group in groups.items() if len(group) >= FEWEST and len(group) == total[values]]


def _values(verdict: Verdict, features: tuple[str, ...]) -> tuple[str, ...]:
    return (
        verdict.family.name,
        _reason(verdict) if verdict.change is None else "",
        *(_feature(verdict, name) for name in features),
    )


def _feature(verdict: Verdict, name: str) -> str:
    if name == "part":
        return function_of(verdict.key.check).removeprefix("test_").replace("_", " ")
    return str(getattr(verdict, name))


def _line(group: Sequence[Verdict], features: tuple[str, ...], all_of_it: bool) -> SummaryLine:
    first = group[0]
    if not all_of_it:
        what = f"{first.key} on {first.row}"
    else:
        common = [_feature(first, name) for name in features if name != "row"]
        where = f" on {first.row}" if "row" in features else ""
        words = filter(None, ("all", str(len(group)), *common, first.family.name, "numbers"))
        what = f"{' '.join(words)}{where}"
    reasons = {_reason(verdict) for verdict in group}
    return SummaryLine(what, effect(group), reasons.pop() if len(reasons) == 1 else "")


def _reason(verdict: Verdict) -> str:
    """The reason, where the numbers do not say it."""
    return verdict.reason if verdict.interval is None else ""


def effect(group: Sequence[Verdict]) -> str:
    """The middle of the changes and how far they reach."""
    changes = sorted(verdict.change for verdict in group if verdict.change is not None)
    if not changes:
        return ""
    shown = group[0].family.shown
    middle = shown(median(changes))
    if len(changes) > 1:
        return f"{middle} ({shown(changes[0])} to {shown(changes[-1])})"
    interval = group[0].interval
    return f"{middle} ({shown(interval[0])} to {shown(interval[1])})" if interval else middle


def alike(changes: Sequence[OutcomeChange]) -> list[tuple[OutcomeChange, list[OutcomeChange]]]:
    """Changes of the same kind, group of checks and reason together, each with one that stands for them."""
    groups: dict[tuple[str, ...], list[OutcomeChange]] = {}
    for change in changes:
        # Why something was skipped before is of no interest once it is tried.
        reason = change.reason if change.kind is not ChangeKind.NOW_TRIED else ""
        key = (change.row, change.kind, change.group, change.base, change.new, reason)
        groups.setdefault(key, []).append(change)
    return [(members[0], members) for members in groups.values()]
