"""Which stored results are about a cell on a machine: of several, the newest counts (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from samcheck.analysis.advise.question import TITLES, UpgradeQuestion, values
from samcheck.cells import Cell
from samcheck.facts import Facts
from samcheck.facts.compatibility import AXES
from samcheck.facts.gpu_support import Machine
from samcheck.guest.outcomes import CellOutcome
from samcheck.guest.record import CellResult
from samcheck.storage.results import Stored


@dataclass(frozen=True)
class Evidence:
    """A stored result about a cell on a machine.

    Attributes:
        overruled: older results of the same cell on the same device; the newest counts.
        differs: how it differs from what was asked, axis by axis; empty where it is the very thing.
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


def find(cell: Cell, machine: Machine, results: Sequence[Stored], facts: Facts) -> tuple[Evidence, ...]:
    """The newest result of the cell on each device that fits the machine, and on each for its variants."""
    by_device: dict[tuple[str, tuple[str, ...]], list[Stored]] = {}
    for stored in results:
        if (
            _is_conclusive(stored.result)
            and ran_on(stored, machine, facts)
            and _is_of(stored.result, cell, facts)
        ):
            by_device.setdefault((stored.device, tuple(stored.result.variants)), []).append(stored)
    evidence = []
    for same_device in by_device.values():
        newest, *older = sorted(same_device, key=finished_at, reverse=True)
        evidence.append(Evidence(newest, tuple(older)))
    return tuple(evidence)


def nearby(cell: Cell, question: UpgradeQuestion, results: Sequence[Stored], facts: Facts) -> Evidence | None:
    """Of the results on the machine with the new value, the one nearest to a cell that has none itself."""
    candidates = []
    for stored in results:
        if (
            not _is_conclusive(stored.result)
            or stored.result.variants
            or not ran_on(stored, question.after, facts)
        ):
            continue
        actual = values(cell_of(stored.result), facts)
        if question.subject != "driver" and actual[question.subject] != question.new:
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
    """The cell of a result; `named` with the NumPy that it really had, else as it was declared."""
    declared, observed = result.cell, result.observed
    numpy = declared.numpy or (observed.numpy or "" if observed and named else "")
    return Cell(declared.torch, declared.cuda, declared.python, numpy, declared.sam)


def ran_on(stored: Stored, machine: Machine, facts: Facts) -> bool:
    """Whether a result is from a machine like `host`; one without a GPU or driver asks for none."""
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
    """When a result was finished; one that does not say so is the oldest."""
    try:
        finished = datetime.fromisoformat(stored.result.finished)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return finished if finished.tzinfo else finished.replace(tzinfo=UTC)


def _is_conclusive(result: CellResult) -> bool:
    """Some groups of checks that held do not say that a cell works."""
    return not result.groups and result.is_conclusive


def _is_of(result: CellResult, cell: Cell, facts: Facts) -> bool:
    """By id; or by the values, where only one of the two names the NumPy that it got."""
    if not cell.numpy and result.cell.id == cell.id:
        return True
    return values(cell_of(result), facts) == values(cell, facts)
