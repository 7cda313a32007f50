"""Exhaustive search for the smallest conjunctions that hold for some rows and not for others (pure).

Sets of rows are bit masks in integers, so that hundreds of thousands of conjunctions take a second.
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
    """One conjunction of a union: of its rows, `covers` have the outcome and `wrong` do not."""

    literals: Conjunction
    covers: int
    wrong: int


@dataclass(frozen=True)
class Explanation:
    """Conditions that go with an outcome.

    Attributes:
        exact: the smallest conjunctions that hold exactly where the outcome occurs; if there are several,
            the data cannot tell which is right. An empty one: the outcome is everywhere.
        union: if no conjunction is exact, rules that cover the outcome together.
        unexplained: indices of the rows with the outcome that no rule covers.
    """

    exact: tuple[Conjunction, ...] = ()
    union: tuple[Rule, ...] = ()
    unexplained: tuple[int, ...] = ()


def explain(positive: Sequence[Row], negative: Sequence[Row], axes: Sequence[str]) -> Explanation:
    """Return conjunctions that hold for all `positive` and no `negative` rows, else approximate rules."""
    if not negative:
        return Explanation(exact=((),))
    exact = tuple(_exact(positive, negative, axes))
    if exact:
        return Explanation(exact=exact)
    return _covering_rules(positive, negative, axes)


def holds(conjunction: Conjunction, row: Row) -> bool:
    return all(literal.holds(row) for literal in conjunction)


def _exact(positive: Sequence[Row], negative: Sequence[Row], axes: Sequence[str]) -> list[Conjunction]:
    """Return all of the smallest size. Each part holds for all positive rows, so only such are combined."""
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
    """Yield the threshold nearest to the positive rows on each side of an axis: if any is right, it is."""
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
    """Return the intersection of all sets."""
    first, *others = sets
    for rows in others:
        first &= rows
    return first


def _covering_rules(positive: Sequence[Row], negative: Sequence[Row], axes: Sequence[str]) -> Explanation:
    """Cover greedily: take the rule with the most uncovered positive and the fewest negative rows.

    A rule with more conditions than rows it is right about merely describes these rows.
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


#: The positive and the negative rows that a conjunction holds for, and the conjunction.
_Candidate = tuple[int, int, Conjunction]


def _candidates(
    positive: Sequence[Row], negative: Sequence[Row], axes: Sequence[str]
) -> Iterator[_Candidate]:
    """Yield each conjunction that holds for some positive row; of equivalent literals, only one is used."""
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
