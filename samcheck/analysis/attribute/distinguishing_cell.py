"""The cell that tells explanations apart where the data cannot (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from samcheck.analysis.attribute import conjunction_search
from samcheck.analysis.attribute.cases import AttributionCase
from samcheck.analysis.attribute.conjunction_search import Conjunction
from samcheck.cells import Cell
from samcheck.facts import Facts, compatibility
from samcheck.facts.requirements import numpy_of
from samcheck.facts.schema import ObstacleKind
from samcheck.matrix import axes


@dataclass(frozen=True)
class DistinguishingCell:
    """A cell that can exist and was not run.

    Attributes:
        cell: None if no such cell can tell any of the explanations apart.
        device, driver: where to run it.
        expected: for each explanation, in order, whether it predicts the outcome.
        sound: false if a fact speaks against the cell, although it can be installed.
    """

    cell: Cell | None
    device: str = ""
    driver: str = ""
    expected: tuple[bool, ...] = ()
    sound: bool = True


def distinguishing_cell(
    explanations: Sequence[Conjunction], cases: Sequence[AttributionCase], facts: Facts
) -> DistinguishingCell:
    """Return the cell that splits the explanations best; of several, the one most like a cell that was run.

    A cell that is known not to work says little about other problems, so it ranks last. Values that were run
    are tried first, then all that the facts list.
    """
    for wide in (False, True):
        best, best_rank = DistinguishingCell(None), (False, 0, 0)
        for candidate in _candidates(explanations, cases, facts, wide):
            assert candidate.cell is not None
            expecting = sum(candidate.expected)
            distance = min(_distance(candidate.cell, case.cell) for case in cases)
            split = min(expecting, len(explanations) - expecting)
            rank = candidate.sound, split, -distance
            if split and (best.cell is None or rank > best_rank):
                best, best_rank = candidate, rank
        if best.cell is not None:
            return best
    return DistinguishingCell(None)


def _candidates(
    explanations: Sequence[Conjunction], cases: Sequence[AttributionCase], facts: Facts, wide: bool
) -> Iterator[DistinguishingCell]:
    """Yield each cell that was not run and can be installed, on each place where something was run."""
    run = {(case.cell, *_place(case)) for case in cases}
    for cell, sound in _possible(explanations, cases, facts, wide):
        fields = {**compatibility.fields(cell), "numpy": numpy_of(cell, facts)}
        for device, driver in sorted({_place(case) for case in cases}):
            if (cell, device, driver) not in run:
                values = {**fields, "device": device, "driver": driver}
                expected = tuple(
                    conjunction_search.holds(explanation, values) for explanation in explanations
                )
                yield DistinguishingCell(cell, device, driver, expected, sound)


def _place(case: AttributionCase) -> tuple[str, str]:
    return case.values["device"], case.values["driver"]


def _possible(
    explanations: Sequence[Conjunction], cases: Sequence[AttributionCase], facts: Facts, wide: bool
) -> Iterator[tuple[Cell, bool]]:
    """Yield cells like those that were run but with other values on the axes in question; are they sound?"""
    varied = {literal.axis for explanation in explanations for literal in explanation}
    varied.add("cuda")  # the build goes with PyTorch
    values = [
        _values(axis, cases, facts, wide and axis in varied and axis != "sam") for axis in compatibility.AXES
    ]
    kept = [axis for axis in compatibility.AXES if axis not in varied]
    as_run = {tuple(compatibility.fields(case.cell)[axis] for axis in kept) for case in cases}
    constraints = compatibility.constraints(facts)
    for chosen in product(*values):
        fields = dict(zip(compatibility.AXES, chosen, strict=True))
        if tuple(fields[axis] for axis in kept) not in as_run:
            continue
        kinds = {obstacle.kind for constraint in constraints if (obstacle := constraint.check(fields))}
        if ObstacleKind.INSTALL not in kinds:
            yield Cell(**fields), not kinds


def _values(axis: str, cases: Sequence[AttributionCase], facts: Facts, wide: bool) -> list[str]:
    if not wide:
        return sorted({compatibility.fields(case.cell)[axis] for case in cases})
    return ["", *axes.known(axis, facts)] if axis == "numpy" else axes.known(axis, facts)


def _distance(first: Cell, second: Cell) -> int:
    """Count the values that differ; the build counts half, since it goes with PyTorch."""
    these, those = compatibility.fields(first), compatibility.fields(second)
    return sum((1 if axis == "cuda" else 2) for axis in compatibility.AXES if these[axis] != those[axis])
