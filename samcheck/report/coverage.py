"""Which pairs of values the results of one machine cover, and which are open or cannot exist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from samcheck.cells import Cell
from samcheck.facts import Facts, compatibility
from samcheck.guest.record import CellResult
from samcheck.matrix import pair_coverage
from samcheck.matrix.pair_coverage import Coverage
from samcheck.matrix.space import Pair, Space
from samcheck.report.escaping import escape, grid

#: Open pairs that are named; `samcheck plan` names all.
NAMED = 6


def section(results: Sequence[CellResult], facts: Facts | None) -> list[str]:
    """A row for each two axes: how many of the possible pairs of the values in these results were tried."""
    cells = [compatibility.fields(Cell.of(result.cell)) for result in results]
    done = [
        values
        for values, result in zip(cells, results, strict=True)
        if result.outcome.was_built and not result.groups
    ]
    axes = {axis: tuple(sorted({values[axis] for values in cells})) for axis in compatibility.AXES}
    axes = {axis: values for axis, values in axes.items() if len(values) > 1}
    if len(axes) < 2:
        return []
    covered = pair_coverage.measure(Space(axes, compatibility.constraints(facts) if facts else ()), done)
    heads = ["axes", "pairs tried", "possible and not tried", "impossible"]
    return [
        "### Which combinations were tried",
        "",
        "Of the values above, in pairs; a combination of three that was never tried is not counted here.",
        "",
        *grid(heads, _rows(axes, covered)),
        "",
    ]


def _rows(axes: dict[str, tuple[str, ...]], coverage: Coverage) -> Iterator[list[str]]:
    for first, second in combinations(axes, 2):
        covered = [pair for pair in coverage.covered if _is_of_axes(pair, first, second)]
        uncovered = [pair for pair in coverage.uncovered if _is_of_axes(pair, first, second)]
        impossible = [pair for pair in coverage.impossible if _is_of_axes(pair, first, second)]
        named = ", ".join(_pair(pair) for pair in uncovered[:NAMED])
        more = f" and {len(uncovered) - NAMED} more" if len(uncovered) > NAMED else ""
        open_pairs = f"{len(uncovered)}: {named}{more}" if uncovered else "none"
        reasons = sorted({coverage.impossible[pair].rule for pair in impossible})
        why = f"{len(impossible)} ({escape(', '.join(reasons))})" if impossible else "none"
        yield [f"{first} × {second}", f"{len(covered)} of {len(covered) + len(uncovered)}", open_pairs, why]


def _is_of_axes(pair: Pair, first: str, second: str) -> bool:
    return (pair[0][0], pair[1][0]) == (first, second)


def _pair(pair: Pair) -> str:
    return " with ".join(escape(value or "default") for _, value in pair)
