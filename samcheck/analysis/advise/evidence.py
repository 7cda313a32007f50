"""Stored results about a cell on a machine; of several, the newest counts (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from samcheck.analysis.advise.question import TITLES, UpgradeQuestion, values
from samcheck.cells import Cell
from samcheck.facts import Facts
from samcheck.facts.compatibility import AXES
from samcheck.facts.target_machine import Machine
from samcheck.guest.outcomes import CellOutcome
from samcheck.guest.record import CellResult
from samcheck.storage.results import Stored


@dataclass(frozen=True)
class Evidence:
    """A stored result about a cell on a machine.

    Attributes:
        overruled: older results of the same cell on the same device; the newest counts.
        differs: how it differs from the question, axis by axis; empty if it matches exactly.
    """

    stored: Stored
    overruled: tuple[Stored, ...] = ()
    differs: tuple[str, ...] = ()

    @property
    def result(self) -> CellResult:
        return self.stored.result

    @property
    def passed(self) -> bool:
        return self.result.outcome is CellOutcome.PASSED


def find(
    cell: Cell, machine: Machine, results: Sequence[Stored], facts: Facts, digest: str = ""
) -> tuple[Evidence, ...]:
    """Return the cell's newest result for each matching device and set of variants.

    Args:
        digest: of an environment of the user's own: results of just that count before those of its cell.
    """
    if digest:
        own = [row for row in results if _is_whole(row.result) and _is_of_own(row.result, digest)]
        if found := _newest(row for row in own if ran_on(row, machine, facts)):
            return found
    return _newest(
        stored
        for stored in results
        if _is_conclusive(stored.result)
        and ran_on(stored, machine, facts)
        and _is_of(stored.result, cell, facts)
    )


def _newest(results: Iterable[Stored]) -> tuple[Evidence, ...]:
    by_device: dict[tuple[str, tuple[str, ...]], list[Stored]] = {}
    for stored in results:
        by_device.setdefault((stored.device, tuple(stored.result.variants)), []).append(stored)
    evidence = []
    for same_device in by_device.values():
        newest, *older = sorted(same_device, key=finished_at, reverse=True)
        evidence.append(Evidence(newest, tuple(older)))
    return tuple(evidence)


def nearby(cell: Cell, question: UpgradeQuestion, results: Sequence[Stored], facts: Facts) -> Evidence | None:
    """Return the result with the new value on this machine that is nearest to an unmeasured cell."""
    candidates = []
    for stored in results:
        if (
            not _is_conclusive(stored.result)
            or stored.result.variants
            or not ran_on(stored, question.after, facts)
        ):
            continue
        actual = values(cell_of(stored.result), facts)
        if any(actual[axis] != step.new for axis, step in question.of_cells.items()):
            continue
        candidates.append((stored, tuple(_differences(actual, values(cell, facts)))))
    if not candidates:
        return None
    stored, differs = min(candidates, key=lambda pair: (len(pair[1]), -finished_at(pair[0]).timestamp()))
    return Evidence(stored, differs=differs)


def _differences(actual: dict[str, str], wanted: dict[str, str]) -> Iterator[str]:
    for axis in AXES:
        if actual[axis] != wanted[axis]:
            yield f"{TITLES[axis]} {actual[axis]} instead of {wanted[axis]}"


def cell_of(result: CellResult, named: bool = True) -> Cell:
    """Return the cell of a result; if `named`, with the NumPy it really had, else as declared."""
    declared, observed = result.cell, result.observed
    numpy = declared.numpy or (observed.numpy or "" if observed and named else "")
    return Cell(declared.torch, declared.cuda, declared.python, numpy, declared.sam)


def ran_on(stored: Stored, machine: Machine, facts: Facts) -> bool:
    """Return whether a result is from such a machine; one without GPU and driver matches any."""
    if not machine:
        return True
    observed = stored.result.observed
    if observed is None or observed.device != "cuda" or not observed.gpu:
        return False
    driver = observed.driver or ""
    if machine.driver and driver != machine.driver and not driver.startswith(f"{machine.driver}."):
        return False
    known = facts.gpu(observed.gpu)
    names = {observed.gpu, known.name if known else observed.gpu}
    return not machine.gpus or any(gpu.name in names for gpu in machine.gpus)


def finished_at(stored: Stored) -> datetime:
    """Return when a result was finished; one without a date counts as the oldest."""
    try:
        finished = datetime.fromisoformat(stored.result.finished)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return finished if finished.tzinfo else finished.replace(tzinfo=UTC)


def _is_conclusive(result: CellResult) -> bool:
    """Return whether a result says if its cell works.

    An environment of the user's own has more in it than the fields of its cell.
    """
    return _is_whole(result) and not result.cell.own


def _is_whole(result: CellResult) -> bool:
    """Return whether a result says if what it ran in works: passing some groups of checks does not."""
    return not result.groups and result.is_conclusive


def _is_of_own(result: CellResult, digest: str) -> bool:
    """Return whether a result is of an environment of the user's own with this content, by any name."""
    return result.cell.own and result.cell.id.endswith(f"-{digest}")


def _is_of(result: CellResult, cell: Cell, facts: Facts) -> bool:
    """Compare by id, or by values if only one of the two names its NumPy."""
    if not cell.numpy and result.cell.id == cell.id:
        return True
    return values(cell_of(result), facts) == values(cell, facts)
