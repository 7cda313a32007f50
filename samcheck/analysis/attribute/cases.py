"""Stored results as rows: a run's value on every axis, and its checks (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from samcheck.cells import Cell
from samcheck.errors import BadInput
from samcheck.facts import Facts
from samcheck.facts.requirements import numpy_of
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CellResult, CheckResult
from samcheck.storage.results import Stored

CELL_AXES = ("torch", "cuda", "python", "numpy", "sam", "device", "driver")
CHECK_AXES = ("group", "variant", "precision", "backend")
#: A pseudo check for the environment itself: it fails if a cell could not be built or run.
ENVIRONMENT = CheckResult("(the environment)", "environment", CheckOutcome.PASSED)


@dataclass(frozen=True)
class AttributionCase:
    """One stored result.

    Attributes:
        values: by axis of `CELL_AXES`; unknown axes are missing.
        checks: by name, including the one for the environment.
    """

    id: str
    cell: Cell
    values: Mapping[str, str]
    checks: Mapping[str, CheckResult]


def cases(results: Sequence[Stored], facts: Facts) -> list[AttributionCase]:
    """Return results as rows, without environments of the user's own, which differ in more than axes."""
    return [_case(stored, facts) for stored in results if not stored.result.cell.own]


def _case(stored: Stored, facts: Facts) -> AttributionCase:
    cell, observed = Cell.of(stored.result.cell), stored.result.observed
    values = {
        **{axis: str(getattr(cell, axis)) for axis in ("torch", "cuda", "python", "sam")},
        "numpy": (observed.numpy if observed and observed.numpy else "") or numpy_of(cell, facts),
        "device": stored.device,
        "driver": (observed.driver if observed and observed.driver else "") or stored.driver,
    }
    checks = {check.check: check for check in stored.result.checks}
    known = {axis: value for axis, value in values.items() if value}
    return AttributionCase(cell.id, cell, known, {**checks, ENVIRONMENT.check: _environment(stored.result)})


def _environment(result: CellResult) -> CheckResult:
    """Return the environment's outcome: bad if the cell is bad and no check explains it."""
    explained = any(check.outcome.is_bad for check in result.checks)
    bad = result.outcome is not CellOutcome.PASSED and not explained
    outcome = CheckOutcome.FAILED if bad else CheckOutcome.PASSED
    return replace(ENVIRONMENT, outcome=outcome, reason=result.reason)


def outcomes(name: str) -> frozenset[CheckOutcome]:
    """Return the outcomes that a name stands for: ``failed`` for all bad ones but the intermittent.

    Raises:
        BadInput: there is no such outcome.
    """
    if name == CheckOutcome.FAILED:
        bad = frozenset(outcome for outcome in CheckOutcome if outcome.is_bad)
        return bad - {CheckOutcome.INTERMITTENT}
    try:
        return frozenset({CheckOutcome(name)})
    except ValueError:
        raise BadInput(f"--outcome: invalid value {name!r}: choose from {', '.join(CheckOutcome)}") from None


def sign(check: CheckResult | None, wanted: frozenset[CheckOutcome]) -> bool | None:
    """Return whether a check has a wanted outcome; None if it is missing or inconclusive.

    Skipped and bad checks are inconclusive unless they are what is asked for: a check that failed for another
    reason does not show that a known defect is gone.
    """
    if check is None:
        return None
    if check.outcome in wanted:
        return True
    return False if check.outcome.is_expected else None
