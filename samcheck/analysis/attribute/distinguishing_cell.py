"""Which cell would tell explanations apart that the data cannot (pure)."""

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
from samcheck.matrix import axes


@dataclass(frozen=True)
class DistinguishingCell:
    """A cell that can exist and was not run.

    Attributes:
        cell: None where no such cell can tell any of the explanations apart.
        device, driver: where it has to be run.
        expected: for each explanation, in their order, whether the outcome has to be there.
        sound: false where the facts have something against the cell, though it can be installed.
    """

    cell: Cell | None
    device: str = ""
    driver: str = ""
    expected: tuple[bool, ...] = ()
    sound: bool = True


def telling(
    found: Sequence[Conjunction], cases: Sequence[AttributionCase], facts: Facts
) -> DistinguishingCell:
    """The cell that divides the explanations best, and of those one most like a cell that was run.

    A cell that is known not to work tells little of another trouble: it comes behind all others. Among the
    values that were run first, then among all that the facts know.
    """
    for wide in (False, True):
        best, worth = DistinguishingCell(None), (False, 0, 0)
        for each in _candidates(found, cases, facts, wide):
            assert each.cell is not None
            yes = sum(each.expected)
            changes = min(_changes(each.cell, case.cell) for case in cases)
            mine = each.sound, min(yes, len(found) - yes), -changes
            if mine[1] and (best.cell is None or mine > worth):
                best, worth = each, mine
        if best.cell is not None:
            return best
    return DistinguishingCell(None)


def _candidates(
    found: Sequence[Conjunction], cases: Sequence[AttributionCase], facts: Facts, wide: bool
) -> Iterator[DistinguishingCell]:
    """Every cell that was not run and can be installed, wherever something was run."""
    run = {(case.cell, *_place(case)) for case in cases}
    for cell, sound in _possible(found, cases, facts, wide):
        fields = {**compatibility.fields(cell), "numpy": numpy_of(cell, facts)}
        for device, driver in sorted({_place(case) for case in cases}):
            if (cell, device, driver) not in run:
                row = {**fields, "device": device, "driver": driver}
                expected = tuple(conjunction_search.holds(each, row) for each in found)
                yield DistinguishingCell(cell, device, driver, expected, sound)


def _place(case: AttributionCase) -> tuple[str, str]:
    return case.values["device"], case.values["driver"]


def _possible(
    found: Sequence[Conjunction], cases: Sequence[AttributionCase], facts: Facts, wide: bool
) -> Iterator[tuple[Cell, bool]]:
    """Cells like those that were run, with other values on what is in question; whether they are sound."""
    about = {literal.axis for each in found for literal in each} | {"cuda"}  # which PyTorch has goes with it
    values = [
        _values(axis, cases, facts, wide and axis in about and axis != "sam") for axis in compatibility.AXES
    ]
    kept = [at for at, axis in enumerate(compatibility.AXES) if axis not in about]
    as_run = {tuple(compatibility.fields(case.cell)[compatibility.AXES[at]] for at in kept) for case in cases}
    constraints = compatibility.constraints(facts)
    for chosen in product(*values):
        if tuple(chosen[at] for at in kept) not in as_run:
            continue
        fields = dict(zip(compatibility.AXES, chosen, strict=True))
        kinds = {each.kind for constraint in constraints if (each := constraint.check(fields))}
        if "install" not in kinds:
            yield Cell(**fields), not kinds


def _values(axis: str, cases: Sequence[AttributionCase], facts: Facts, wide: bool) -> list[str]:
    if not wide:
        return sorted({compatibility.fields(case.cell)[axis] for case in cases})
    return ["", *axes.known(axis, facts)] if axis == "numpy" else axes.known(axis, facts)


def _changes(one: Cell, other: Cell) -> int:
    """How many values differ; the build counts half, for it goes with PyTorch."""
    first, second = compatibility.fields(one), compatibility.fields(other)
    return sum((1 if axis == "cuda" else 2) for axis in compatibility.AXES if first[axis] != second[axis])
