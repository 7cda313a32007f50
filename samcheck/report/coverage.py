"""How many pairs of values the results of one machine cover, of those that can exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from samcheck.cells import Cell
from samcheck.facts import Facts, compatibility
from samcheck.guest.record import CellResult
from samcheck.matrix import pair_coverage
from samcheck.matrix.pair_coverage import Coverage
from samcheck.matrix.space import Pair, Space


def section(results: Sequence[CellResult], facts: Facts | None) -> list[str]:
    """For each two axes, how many of the possible pairs of the values in these results were tried."""
    cells = [compatibility.fields(Cell.of(result.cell)) for result in results]
    done = [
        values
        for values, result in zip(cells, results, strict=True)
        if result.outcome.was_built and not result.groups
    ]
    axes = {axis: tuple(sorted({values[axis] for values in cells})) for axis in compatibility.AXES}
    axes = {axis: values for axis, values in axes.items() if len(values) > 1}
    if len(axes) < 2 or not done:
        return []
    covered = pair_coverage.measure(Space(axes, compatibility.constraints(facts) if facts else ()), done)
    pairs = ", ".join(_pairs(axes, covered))
    return [f"Tried, of the pairs that can exist: {pairs}. `samcheck plan` names the others.", ""]


def _pairs(axes: Mapping[str, tuple[str, ...]], coverage: Coverage) -> Iterator[str]:
    for first, second in combinations(axes, 2):
        covered = sum(_is_of_axes(pair, first, second) for pair in coverage.covered)
        uncovered = sum(_is_of_axes(pair, first, second) for pair in coverage.uncovered)
        yield f"{first} × {second} {covered} of {covered + uncovered}"


def _is_of_axes(pair: Pair, first: str, second: str) -> bool:
    return (pair[0][0], pair[1][0]) == (first, second)
