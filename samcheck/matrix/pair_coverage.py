"""The pairs of values that a choice of cells covers of a matrix, and those that it does not (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

from samcheck.facts.compatibility import Obstacle
from samcheck.matrix.space import Pair, Space


@dataclass(frozen=True)
class Coverage:
    """Coverage of a matrix's values and pairs of values.

    Attributes:
        raw: number of combinations of the axes, possible or not.
        values: per axis, the number of chosen cells with each value.
        covered: pairs that a chosen cell has.
        uncovered: possible pairs that no chosen cell has.
        impossible: pairs that no cell can have, each with the reason.
    """

    raw: int
    values: Mapping[str, Mapping[str, int]]
    covered: frozenset[Pair]
    uncovered: tuple[Pair, ...]
    impossible: Mapping[Pair, Obstacle]

    @property
    def possible(self) -> int:
        return len(self.covered) + len(self.uncovered)


def pairs_of(values: Mapping[str, str], axes: Iterable[str]) -> frozenset[Pair]:
    """Return the pairs of values in one combination."""
    return frozenset(((one, values[one]), (other, values[other])) for one, other in combinations(axes, 2))


def measure(space: Space, chosen: Iterable[Mapping[str, str]]) -> Coverage:
    """Classify every pair of the axes' values: covered, not covered, or impossible."""
    rows = list(chosen)
    covered = {pair for row in rows for pair in pairs_of(row, space.axes)}
    mine, uncovered = set(), []
    impossible: dict[Pair, Obstacle] = {}
    for pair in space.pairs():
        if pair in covered:
            mine.add(pair)
            continue
        obstacle = space.why_not(pair)
        if obstacle is None:
            uncovered.append(pair)
        else:
            impossible[pair] = obstacle
    counts = {
        axis: {value: sum(row[axis] == value for row in rows) for value in values}
        for axis, values in space.axes.items()
    }
    return Coverage(space.raw, counts, frozenset(mine), tuple(uncovered), impossible)
