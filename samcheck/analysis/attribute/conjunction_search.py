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
    return _union(positive, negative, axes)


def holds(conjunction: Conjunction, row: Row) -> bool:
    return all(literal.holds(row) for literal in conjunction)


def _exact(positive: Sequence[Row], negative: Sequence[Row], axes: Sequence[str]) -> list[Conjunction]:
    """All of the smallest size. Each part of one holds for all positive rows, so only such are combined."""
    every = [each for each in literals([*positive, *negative], axes) if all(map(each.holds, positive))]
    wrong = {each: _bits(each, negative) for each in _tightest(every, positive)}
    for size in range(1, LARGEST + 1):
        found = [each for each in combinations(wrong, size) if not _all(wrong[part] for part in each)]
        if found:
            return found
    return []


def _tightest(every: Sequence[Literal], positive: Sequence[Row]) -> Iterator[Literal]:
    """Of the thresholds on one side of an axis the nearest to the positive rows: it is right if any is."""
    nearest: dict[tuple[str, str], Literal] = {}
    for each in every:  # ascending
        if each.relation == "=":
            yield each
        elif each.relation == ">=":
            nearest[each.axis, ">="] = each
        else:
            nearest.setdefault((each.axis, "<"), each)
    yield from nearest.values()


def _bits(literal: Literal, rows: Sequence[Row]) -> int:
    return sum(1 << at for at, row in enumerate(rows) if literal.holds(row))


def _all(sets: Iterable[int]) -> int:
    """What is in all of the sets."""
    first, *others = sets
    for each in others:
        first &= each
    return first


def _union(positive: Sequence[Row], negative: Sequence[Row], axes: Sequence[str]) -> Explanation:
    """Greedy cover: always the rule that is right of most that is left and wrong of least.

    A rule with more conditions than rows that it is right of describes these rows, and explains nothing.
    """
    tries = list(_tries(positive, negative, axes))
    left = (1 << len(positive)) - 1
    rules: list[Rule] = []
    while left and len(rules) < MOST_RULES:
        worth = [each for each in tries if (each[0] & left).bit_count() >= len(each[2])]
        best = max(worth, key=lambda each: (_gain(each, left), -len(each[2])), default=None)
        if best is None or _gain(best, left) <= 0:
            break
        rules.append(Rule(best[2], best[0].bit_count(), best[1].bit_count()))
        left &= ~best[0]
    return Explanation(
        union=tuple(rules), unexplained=tuple(at for at in range(len(positive)) if left >> at & 1)
    )


def _tries(
    positive: Sequence[Row], negative: Sequence[Row], axes: Sequence[str]
) -> Iterator[tuple[int, int, Conjunction]]:
    """Every conjunction with the rows that it holds for; of literals that hold for the same rows, one."""
    every: dict[tuple[int, int], Literal] = {}
    for each in literals([*positive, *negative], axes):
        every.setdefault((_bits(each, positive), _bits(each, negative)), each)
    for size in range(1, LARGEST + 1):
        for sets in combinations(every, size):
            covers = _all(right for right, _ in sets)
            if covers:
                yield covers, _all(wrong for _, wrong in sets), tuple(every[each] for each in sets)


def _gain(tried: tuple[int, int, Conjunction], left: int) -> int:
    return (tried[0] & left).bit_count() - tried[1].bit_count()
