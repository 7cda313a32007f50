"""Many verdicts → few lines: changes shared by a precision, a part or an environment (pure)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import median

from samcheck.analysis.compare.outcome_changes import ChangeKind, OutcomeChange
from samcheck.analysis.compare.verdicts import NumberVerdict, Verdict
from samcheck.guest.node_ids import function_of
from samcheck.measurable import UNMEASURABLE

#: Smaller groups are listed one by one.
FEWEST = 3
#: Above this many lines, a verdict gets one line per kind of number; changes also one per cell.
MOST = 8
FEATURES = ("row", "precision", "variant", "backend", "part")


@dataclass(frozen=True)
class SummaryLine:
    """One line of a summary.

    Attributes:
        what: e.g. ``all 6 fp16 benchmarks on torch2.13.0-cu130-py3.12``.
        effect: ``+6.1% (interval +4.9% to +8.0%)``; empty if there is none.
        launch_bound: ``(launch-bound)``, or how many of them are; empty if none is.
    """

    what: str
    effect: str
    reason: str = ""
    launch_bound: str = ""


def lines(verdicts: Sequence[Verdict], wanted: NumberVerdict, most: float = math.inf) -> list[SummaryLine]:
    """Return what has the verdict `wanted`, widest uniform groups first.

    If that takes more than `most` lines, return one per kind of number instead.
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
    """Summarise all numbers of a kind, even if they share nothing else."""
    line = _line(group, (), all_of_it=False)
    if len(group) == 1:
        return line
    rows = {verdict.row for verdict in group}
    where = f"on {group[0].row}" if len(rows) == 1 else f"of {len(rows)} cells"
    what = f"{len(group)} {group[0].family.name} numbers {where}, such as {group[0].key}"
    return replace(line, what=f"{what}:" if line.effect else what)


def _lines(verdicts: Sequence[Verdict], wanted: NumberVerdict) -> list[SummaryLine]:
    left = [verdict for verdict in verdicts if verdict.verdict == wanted]
    # "All of them got slower" refers only to those that were compared.
    absent = (NumberVerdict.MISSING, NumberVerdict.NEW) if wanted.is_change else ()
    compared = [verdict for verdict in verdicts if verdict.verdict not in absent]
    lines = []
    for features in _feature_sets():
        for group in _complete_groups(left, compared, features):
            lines.append(_line(group, features, all_of_it=True))
            left = [verdict for verdict in left if verdict not in group]
    return lines + [_line([verdict], FEATURES, all_of_it=False) for verdict in left]


def _feature_sets() -> Iterable[tuple[str, ...]]:
    """Yield feature sets from the widest groups to the narrowest."""
    for size in range(1, 4):
        yield from combinations(FEATURES, size)


def _complete_groups(
    left: Sequence[Verdict], compared: Sequence[Verdict], features: tuple[str, ...]
) -> list[list[Verdict]]:
    """Return groups of one family that agree in `features` and lie wholly in `left`."""
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
    reason = reasons.pop() if len(reasons) == 1 else ""
    return SummaryLine(what, effect(group), reason, _launch_bound(group))


def _launch_bound(group: Sequence[Verdict]) -> str:
    bound = sum(verdict.launch_bound for verdict in group)
    if bound in (0, len(group)):
        return "(launch-bound)" if bound else ""
    return f"({bound} of {len(group)} launch-bound)"


def _reason(verdict: Verdict) -> str:
    """Return the reason, unless the numbers show it."""
    return verdict.reason if verdict.interval is None else ""


def effect(group: Sequence[Verdict]) -> str:
    """Return the median change with the interval that holds those of all; of exact numbers, the range.

    What varies and has no interval, or too wide a one, has no number.
    """
    family, every = group[0].family, [verdict for verdict in group if verdict.change is not None]
    measured = [verdict for verdict in every if verdict.is_measured]
    if not measured:
        return f"(how much is {UNMEASURABLE})" if any(verdict.interval for verdict in every) else ""
    middle = family.shown(median(verdict.change or 0.0 for verdict in measured))
    ends = sorted(end for verdict in measured for end in verdict.interval or (verdict.change or 0.0,))
    what = "range" if family.exact else "interval" if len(measured) == 1 else "intervals within"
    if len(ends) == 1:
        return middle
    text = f"{middle} ({what} {family.shown(ends[0])} to {family.shown(ends[-1])})"
    return text if len(measured) == 1 else f"median {text}"


def alike(changes: Sequence[OutcomeChange]) -> list[tuple[OutcomeChange, list[OutcomeChange]]]:
    """Group changes of the same kind, group of checks and reason, each with a representative."""
    groups: dict[tuple[str, ...], list[OutcomeChange]] = {}
    for change in changes:
        # Why something was skipped before does not matter once it is tried.
        reason = change.reason if change.kind is not ChangeKind.NOW_TRIED else ""
        key = (change.row, change.kind, change.group, change.base, change.new, reason)
        groups.setdefault(key, []).append(change)
    return [(members[0], members) for members in groups.values()]


def by_cause(changes: Sequence[OutcomeChange]) -> list[list[OutcomeChange]]:
    """Changes of one kind and row that have one cause: a known defect, a reason, or a package that is broken.

    What breaks in a row where a check of the imports breaks has that cause.
    """
    broken_imports = {
        change.row: change.reason
        for change in reversed(changes)
        if change.kind is ChangeKind.BROKEN and change.group == "imports"
    }
    groups: dict[tuple[str, str, str], list[OutcomeChange]] = {}
    for change in changes:
        cause = change.defect
        if change.kind is ChangeKind.BROKEN:
            cause = broken_imports.get(change.row, change.reason.removesuffix(" (in setup)"))
        groups.setdefault((change.row, change.kind, cause), []).append(change)
    return list(groups.values())
