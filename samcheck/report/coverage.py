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
    every = [compatibility.fields(Cell.of(result.cell)) for result in results]
    done = [
        values
        for values, result in zip(every, results, strict=True)
        if result.outcome.was_built and not result.groups
    ]
    axes = {axis: tuple(sorted({values[axis] for values in every})) for axis in compatibility.AXES}
    axes = {axis: values for axis, values in axes.items() if len(values) > 1}
    if len(axes) < 2:
        return []
    seen = pair_coverage.measure(Space(axes, compatibility.constraints(facts) if facts else ()), done)
    heads = ["axes", "pairs tried", "possible and not tried", "impossible"]
    return [
        "### Which combinations were tried",
        "",
        "Of the values above, in pairs; a combination of three that was never tried is not counted here.",
        "",
        *grid(heads, _rows(axes, seen)),
        "",
    ]


def _rows(axes: dict[str, tuple[str, ...]], seen: Coverage) -> Iterator[list[str]]:
    for one, other in combinations(axes, 2):
        tried = [pair for pair in seen.covered if _of(pair, one, other)]
        left = [pair for pair in seen.uncovered if _of(pair, one, other)]
        never = [pair for pair in seen.impossible if _of(pair, one, other)]
        named = ", ".join(_pair(pair) for pair in left[:NAMED])
        more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
        told = f"{len(left)}: {named}{more}" if left else "none"
        reasons = sorted({seen.impossible[pair].rule for pair in never})
        why = f"{len(never)} ({escape(', '.join(reasons))})" if never else "none"
        yield [f"{one} × {other}", f"{len(tried)} of {len(tried) + len(left)}", told, why]


def _of(pair: Pair, one: str, other: str) -> bool:
    return (pair[0][0], pair[1][0]) == (one, other)


def _pair(pair: Pair) -> str:
    return " with ".join(escape(value or "default") for _, value in pair)
