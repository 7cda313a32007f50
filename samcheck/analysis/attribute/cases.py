"""Stored results as rows: the values of one run on every axis, and its checks (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from samcheck.cells import Cell
from samcheck.errors import BadInput
from samcheck.facts import Facts
from samcheck.facts.requirements import numpy_of
from samcheck.guest.record import BAD_CHECK_OUTCOMES, CHECK_OUTCOMES, CellResult, CheckResult
from samcheck.storage.results import Stored

CELL_AXES = ("torch", "cuda", "python", "numpy", "sam", "device", "driver")
CHECK_AXES = ("group", "variant", "precision", "backend")
#: The pseudo check that stands for the environment itself: it fails where a cell could not be made or run.
ENVIRONMENT = CheckResult("(the environment)", "environment", "passed")
#: Tell nothing, unless they are what is asked for.
NEUTRAL = ("skipped", *BAD_CHECK_OUTCOMES)


@dataclass(frozen=True)
class Case:
    """One stored result.

    Attributes:
        values: by axis of `CELL_AXES`; an axis that is not known is missing.
        checks: by name, with one for the environment.
    """

    id: str
    cell: Cell
    values: Mapping[str, str]
    checks: Mapping[str, CheckResult]


def cases(stored: Sequence[Stored], facts: Facts) -> list[Case]:
    """All stored results as rows."""
    return [_case(row, facts) for row in stored]


def _case(row: Stored, facts: Facts) -> Case:
    cell, seen = Cell.of(row.result.cell), row.result.observed
    values = {
        **{axis: str(getattr(cell, axis)) for axis in ("torch", "cuda", "python", "sam")},
        "numpy": (seen.numpy if seen and seen.numpy else "") or numpy_of(cell, facts),
        "device": row.device,
        "driver": (seen.driver if seen and seen.driver else "") or row.driver,
    }
    checks = {check.check: check for check in row.result.checks}
    known = {axis: value for axis, value in values.items() if value}
    return Case(cell.id, cell, known, {**checks, ENVIRONMENT.check: _environment(row.result)})


def _environment(result: CellResult) -> CheckResult:
    """What became of the environment: bad where the cell is, and none of its checks says why."""
    told = any(check.outcome in BAD_CHECK_OUTCOMES for check in result.checks)
    bad = result.outcome != "passed" and not told
    return replace(ENVIRONMENT, outcome="failed" if bad else "passed", reason=result.reason)


def outcomes(name: str) -> frozenset[str]:
    """The outcomes that a name stands for: ``failed`` for all bad ones.

    Raises:
        BadInput: there is no such outcome.
    """
    if name == "failed":
        return frozenset(BAD_CHECK_OUTCOMES)
    if name not in CHECK_OUTCOMES:
        raise BadInput(f"--outcome: {name!r} is none of {', '.join(CHECK_OUTCOMES)}")
    return frozenset({name})


def sign(check: CheckResult | None, wanted: frozenset[str]) -> bool | None:
    """Whether a check has a wanted outcome; None where it tells nothing: not tried, or not there.

    A check that failed for another reason does not tell that a known defect is gone.
    """
    if check is None:
        return None
    if check.outcome in wanted:
        return True
    return None if check.outcome in NEUTRAL else False
