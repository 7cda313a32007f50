"""The smallest conjunctions that hold for some rows and not for others, by trying all (pure).

Sets of rows are the bits of whole numbers, so that hundreds of thousands of conjunctions take a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from samcheck.analysis.attribute.literals import Literal, literals

LARGEST = 3  # literals in a conjunction
MOST_RULES = 5  # in a union

Row = Mapping[str, str]
Conjunction = tuple[Literal, ...]


@dataclass(frozen=True)
class Rule:
    """A conjunction of a union: of the rows that it holds for, `covers` have the outcome, `wrong` do not."""

    literals: Conjunction
    covers: int
    wrong: int


@dataclass(frozen=True)
class Explanation:
    """What goes with an outcome.

    Attributes:
        exact: the smallest conjunctions that hold wherever the outcome is, and nowhere else; of several,
            the data cannot tell which is meant. One that is empty: the outcome is everywhere.
        union: where no conjunction is exact, rules that cover the outcome together.
        unexplained: numbers of the rows with the outcome that no rule covers.
    """

    exact: tuple[Conjunction, ...] = ()
    union: tuple[Rule, ...] = ()
    unexplained: tuple[int, ...] = ()


def explain(positive: Sequence[Row], negative: Sequence[Row], axes: Sequence[str]) -> Explanation:
    """Conjunctions that hold for all `positive` and no `negative` rows, else rules that come near."""
    if not negative:
        return Explanation(exact=((),))
    exact = tuple(_exact(positive, negative, axes))
    if exact:
        return Explanation(exact=exact)
    return _covering_rules(positive, negative, axes)


def holds(conjunction: Conjunction, row: Row) -> bool:
    return all(literal.holds(row) for literal in conjunction)


def _exact(positive: Sequence[Row], negative: Sequence[Row], axes: Sequence[str]) -> list[Conjunction]:
    """All of the smallest size. Each part of one holds for all positive rows, so only such are combined."""
    every = literals([*positive, *negative], axes)
    candidates = [literal for literal in every if all(map(literal.holds, positive))]
    wrong = {literal: _row_set(literal, negative) for literal in _tightest(candidates)}
    for size in range(1, LARGEST + 1):
        exact = [
            parts for parts in combinations(wrong, size) if not _intersection(wrong[part] for part in parts)
        ]
        if exact:
            return exact
    return []


def _tightest(candidates: Sequence[Literal]) -> Iterator[Literal]:
    """Of the thresholds on one side of an axis the nearest to the positive rows: it is right if any is."""
    nearest: dict[tuple[str, str], Literal] = {}
    for literal in candidates:  # ascending
        if literal.relation == "=":
            yield literal
        elif literal.relation == ">=":
            nearest[literal.axis, ">="] = literal
        else:
            nearest.setdefault((literal.axis, "<"), literal)
    yield from nearest.values()


def _row_set(literal: Literal, rows: Sequence[Row]) -> int:
    return sum(1 << at for at, row in enumerate(rows) if literal.holds(row))


def _intersection(sets: Iterable[int]) -> int:
    """What is in all of the sets."""
    first, *others = sets
    for rows in others:
        first &= rows
    return first


def _covering_rules(positive: Sequence[Row], negative: Sequence[Row], axes: Sequence[str]) -> Explanation:
    """Greedy cover: always the rule that is right of most that is left and wrong of least.

    A rule with more conditions than rows that it is right of describes these rows, and explains nothing.
    """
    candidates = list(_candidates(positive, negative, axes))
    uncovered = (1 << len(positive)) - 1
    rules: list[Rule] = []
    while uncovered and len(rules) < MOST_RULES:
        useful = [rule for rule in candidates if (rule[0] & uncovered).bit_count() >= len(rule[2])]
        best = max(useful, key=lambda rule: (_gain(rule, uncovered), -len(rule[2])), default=None)
        if best is None or _gain(best, uncovered) <= 0:
            break
        covers, wrong, conjunction = best
        rules.append(Rule(conjunction, covers.bit_count(), wrong.bit_count()))
        uncovered &= ~covers
    unexplained = tuple(at for at in range(len(positive)) if uncovered >> at & 1)
    return Explanation(union=tuple(rules), unexplained=unexplained)


#: A conjunction with the rows that it holds for: of the positive ones, and of the negative ones.
_Candidate = tuple[int, int, Conjunction]


def _candidates(
    positive: Sequence[Row], negative: Sequence[Row], axes: Sequence[str]
) -> Iterator[_Candidate]:
    """Every conjunction that holds for some positive row; of literals that hold for the same rows, one."""
    by_rows: dict[tuple[int, int], Literal] = {}
    for literal in literals([*positive, *negative], axes):
        by_rows.setdefault((_row_set(literal, positive), _row_set(literal, negative)), literal)
    for size in range(1, LARGEST + 1):
        for sets in combinations(by_rows, size):
            covers = _intersection(right for right, _ in sets)
            if covers:
                yield covers, _intersection(wrong for _, wrong in sets), tuple(map(by_rows.__getitem__, sets))


def _gain(candidate: _Candidate, uncovered: int) -> int:
    covers, wrong, _ = candidate
    return (covers & uncovered).bit_count() - wrong.bit_count()
