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
from samcheck.guest.record import CellOutcome, CellResult
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


def find(cell: Cell, host: Machine, stored: Sequence[Stored], facts: Facts) -> tuple[Evidence, ...]:
    """The newest result of the cell on each device that fits the machine, and on each for its variants."""
    by_device: dict[tuple[str, tuple[str, ...]], list[Stored]] = {}
    for row in stored:
        if _telling(row.result) and on(row, host, facts) and _same(row.result, cell, facts):
            by_device.setdefault((row.device, tuple(row.result.variants)), []).append(row)
    found = []
    for rows in by_device.values():
        newest, *older = sorted(rows, key=when, reverse=True)
        found.append(Evidence(newest, tuple(older)))
    return tuple(found)


def nearby(cell: Cell, question: UpgradeQuestion, stored: Sequence[Stored], facts: Facts) -> Evidence | None:
    """Of the results on the machine with the new value, the one nearest to a cell that has none itself."""
    near = []
    for row in stored:
        if not _telling(row.result) or row.result.variants or not on(row, question.after, facts):
            continue
        has = values(cell_of(row.result), facts)
        if question.subject != "driver" and has[question.subject] != question.new:
            continue
        near.append((row, tuple(_differences(has, values(cell, facts)))))
    if not near:
        return None
    row, differs = min(near, key=lambda pair: (len(pair[1]), -when(pair[0]).timestamp()))
    return Evidence(row, differs=differs)


def _differences(has: dict[str, str], wanted: dict[str, str]) -> Iterator[str]:
    for axis in AXES:
        if has[axis] != wanted[axis]:
            yield f"{TITLES[axis]} {has[axis]} instead of {wanted[axis]}"


def cell_of(result: CellResult, named: bool = True) -> Cell:
    """The cell of a result; `named` with the NumPy that it really had, else as it was declared."""
    was, seen = result.cell, result.observed
    numpy = was.numpy or (seen.numpy or "" if seen and named else "")
    return Cell(was.torch, was.cuda, was.python, numpy, was.sam)


def on(row: Stored, host: Machine, facts: Facts) -> bool:
    """Whether a result is from a machine like `host`; one without a GPU or driver asks for none."""
    if not host:
        return True
    seen = row.result.observed
    if seen is None or seen.device != "cuda" or not seen.gpu:
        return False
    driver = seen.driver or ""
    if host.driver and driver != host.driver and not driver.startswith(f"{host.driver}."):
        return False
    known = facts.gpu(seen.gpu)
    names = {seen.gpu, known.name if known else seen.gpu}
    return not host.gpus or any(gpu.name in names for gpu in host.gpus)


def when(row: Stored) -> datetime:
    """When a result was finished; one that does not say so is the oldest."""
    try:
        finished = datetime.fromisoformat(row.result.finished)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return finished if finished.tzinfo else finished.replace(tzinfo=UTC)


def _telling(result: CellResult) -> bool:
    """Some groups of checks that held do not say that a cell works."""
    return not result.groups and result.is_conclusive


def _same(result: CellResult, cell: Cell, facts: Facts) -> bool:
    """By id; or by the values, where only one of the two names the NumPy that it got."""
    if not cell.numpy and result.cell.id == cell.id:
        return True
    return values(cell_of(result), facts) == values(cell, facts)
