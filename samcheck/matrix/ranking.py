"""Rank cells, for budgets that do not cover all of them (pure).

A cell is worth more if it failed before, if its PyTorch is new, and for each pair of values that neither a
stored result nor a cell ranked above it has. The order does not depend on the budget, so a larger budget
includes every cell of a smaller one.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from packaging.version import Version

from samcheck.cells import Cell
from samcheck.facts import Facts
from samcheck.facts.compatibility import AXES, fields
from samcheck.matrix.pair_coverage import pairs_of
from samcheck.matrix.run_history import History
from samcheck.matrix.space import Pair

#: A failure weighs more than any number of new pairs (at most 1), a new release about as much as both.
FAILED, NEWEST, SECOND_NEWEST = 3.0, 2.0, 1.0


@dataclass(frozen=True)
class Ranked:
    """A cell, its worth when it is chosen, and why, in words."""

    cell: Cell
    worth: float
    why: str


def rank(cells: Sequence[Cell], history: History, facts: Facts) -> list[Ranked]:
    """Sort cells by descending worth; equal ones keep their order."""
    seen = set(history.tried)
    fixed = [_fixed(cell, history, facts) for cell in cells]
    pairs = [pairs_of(fields(cell), AXES) for cell in cells]
    # Worth only falls as others are chosen: what still tops the heap when recomputed is the best.
    heap = [(-(_sum(fixed[at]) + _new(pairs[at], seen)), at) for at in range(len(cells))]
    heapq.heapify(heap)
    order: list[Ranked] = []
    while heap:
        _, at = heapq.heappop(heap)
        worth = _sum(fixed[at]) + _new(pairs[at], seen)
        if heap and (-worth, at) > heap[0]:
            heapq.heappush(heap, (-worth, at))
            continue
        why = [text for _, text in fixed[at]] + _untried(pairs[at], seen)
        order.append(Ranked(cells[at], round(worth, 3), ", ".join(why) or "nothing new"))
        seen |= pairs[at]
    return order


def _sum(parts: Sequence[tuple[float, str]]) -> float:
    return sum(worth for worth, _ in parts)


def _new(pairs: frozenset[Pair], seen: set[Pair]) -> float:
    return len(pairs - seen) / len(pairs)


def _untried(pairs: frozenset[Pair], seen: set[Pair]) -> list[str]:
    count = len(pairs - seen)
    return [f"{count} of its {len(pairs)} pairs are new"] if count else []


def _fixed(cell: Cell, history: History, facts: Facts) -> list[tuple[float, str]]:
    """Return the parts of a cell's worth that do not depend on other cells."""
    parts = [(FAILED, "failed before")] if cell.id in history.failed else []
    minors = sorted({Version(row.version).release[:2] for row in facts.releases}, reverse=True)
    place = minors.index(Version(cell.torch).release[:2])
    if place < 2:
        parts.append(((NEWEST, SECOND_NEWEST)[place], ("newest PyTorch", "second-newest PyTorch")[place]))
    return parts


@dataclass(frozen=True)
class Budget:
    """The maximum number of cells and of estimated minutes to run; None for no limit."""

    cells: int | None = None
    minutes: float | None = None

    def __str__(self) -> str:
        parts = [f"{self.cells} cells"] if self.cells is not None else []
        parts += [f"{self.minutes:g} minutes"] if self.minutes is not None else []
        return " and ".join(parts)

    def __bool__(self) -> bool:
        return bool(str(self))

    def within(self, minutes: Sequence[float]) -> Iterator[bool]:
        """Yield whether each cell, in order, is within the budget; after the first that is not, none is."""
        spent, open_ = 0.0, True
        for place, cost in enumerate(minutes):
            spent += cost
            open_ = open_ and (self.cells is None or place < self.cells)
            open_ = open_ and (self.minutes is None or spent <= self.minutes)
            yield open_


NO_LIMIT = Budget()
