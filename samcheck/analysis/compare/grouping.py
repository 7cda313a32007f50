"""Many verdicts → few lines: what all of a precision, a part or an environment have in common (pure)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import median

from samcheck.analysis.compare.outcome_changes import OutcomeChange
from samcheck.analysis.compare.verdicts import Verdict
from samcheck.guest.record import function_of

#: Fewer alike are told one by one.
FEWEST = 3
#: More lines of one verdict are one for each kind of number, of what changed also one for each cell.
MOST = 8
CHANGED = ("regressed", "improved")
FEATURES = ("row", "precision", "variant", "backend", "part")


@dataclass(frozen=True)
class SummaryLine:
    """One thing to know.

    Attributes:
        what: e.g. ``all 6 fp16 benchmarks on torch2.13.0-cu130-py3.12``.
        verdict: that all of them have.
        effect: ``+6.1% (+4.9% to +8.0%)``; empty where there is none.
        members: what the line stands for.
    """

    what: str
    verdict: str
    effect: str
    members: tuple[str, ...]
    reason: str = ""


def lines(verdicts: Sequence[Verdict], word: str, most: float = math.inf) -> list[SummaryLine]:
    """What has the verdict `word`, the widest groups that have nothing else in them first.

    Where that would be more than `most` lines, one for each kind of number instead.
    """
    found = _lines(verdicts, word)
    if len(found) <= most:
        return found
    kinds: dict[tuple[str, ...], list[Verdict]] = {}
    for each in verdicts:
        if each.verdict == word:
            row = each.row if word in CHANGED else ""
            kinds.setdefault((each.family.name, _why(each), row), []).append(each)
    return [_kind(group, word) for group in kinds.values()]


def _kind(group: Sequence[Verdict], word: str) -> SummaryLine:
    """All of a kind, whatever else they do not have in common."""
    line = _line(group, (), word, all_of_it=False)
    if len(group) == 1:
        return line
    rows = {each.row for each in group}
    where = f"on {group[0].row}" if len(rows) == 1 else f"of {len(rows)} cells"
    what = f"{len(group)} {group[0].family.name} numbers {where}, such as {group[0].key}"
    return replace(line, what=f"{what}:" if line.effect else what)


def _lines(verdicts: Sequence[Verdict], word: str) -> list[SummaryLine]:
    left = [each for each in verdicts if each.verdict == word]
    # "All of them got slower" is said of those that were compared.
    absent = ("missing", "new") if word in CHANGED else ()
    compared = [each for each in verdicts if each.verdict not in absent]
    found = []
    for features in _feature_sets():
        for group in _pure(left, compared, features):
            found.append(_line(group, features, word, all_of_it=True))
            left = [each for each in left if each not in group]
    return found + [_line([each], FEATURES, word, all_of_it=False) for each in left]


def _feature_sets() -> Iterable[tuple[str, ...]]:
    """From the widest groups to the narrowest."""
    for size in range(1, 4):
        yield from combinations(FEATURES, size)


def _pure(
    left: Sequence[Verdict], compared: Sequence[Verdict], features: tuple[str, ...]
) -> list[list[Verdict]]:
    """Groups that agree in `features` and are all in `left`, of one family."""
    wanted: dict[tuple[str, ...], list[Verdict]] = {}
    for each in left:
        wanted.setdefault(_values(each, features), []).append(each)
    total: dict[tuple[str, ...], int] = {}
    for each in compared:
        values = _values(each, features)
        total[values] = total.get(values, 0) + 1
    return [group for values, group in wanted.items() if len(group) >= FEWEST and len(group) == total[values]]


def _values(verdict: Verdict, features: tuple[str, ...]) -> tuple[str, ...]:
    return (
        verdict.family.name,
        _why(verdict) if verdict.change is None else "",
        *(_feature(verdict, name) for name in features),
    )


def _feature(verdict: Verdict, name: str) -> str:
    if name == "part":
        return function_of(verdict.key.check).removeprefix("test_").replace("_", " ")
    return str(getattr(verdict, name))


def _line(group: Sequence[Verdict], features: tuple[str, ...], word: str, all_of_it: bool) -> SummaryLine:
    first = group[0]
    members = tuple(f"{each.row}: {each.key}" for each in group)
    if not all_of_it:
        what = f"{first.key} on {first.row}"
    else:
        words = " ".join(
            _feature(first, name) for name in features if name != "row" and _feature(first, name)
        )
        where = f" on {first.row}" if "row" in features else ""
        what = f"all {len(group)} {words} {first.family.name} numbers{where}".replace("  ", " ")
    reasons = {_why(each) for each in group}
    return SummaryLine(what, word, effect(group), members, reasons.pop() if len(reasons) == 1 else "")


def _why(verdict: Verdict) -> str:
    """The reason, where the numbers do not say it."""
    return verdict.reason if verdict.interval is None else ""


def effect(group: Sequence[Verdict]) -> str:
    """The middle of the changes and how far they reach."""
    changes = sorted(each.change for each in group if each.change is not None)
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
    found: dict[tuple[str, ...], list[OutcomeChange]] = {}
    for each in changes:
        # Why something was skipped before is of no interest once it is tried.
        reason = each.reason if each.kind != "now tried" else ""
        key = (each.row, each.kind, each.group, each.base, each.new, reason)
        found.setdefault(key, []).append(each)
    return [(members[0], members) for members in found.values()]
