"""What a table needs of one result: little enough that ten thousand of them fit in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import TypeVar

from packaging.version import Version

from samcheck import codec
from samcheck.cells import Cell
from samcheck.facts import version_of
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CellResult, CheckResult
from samcheck.guest.variant_names import FAMILY_VARIANTS
from samcheck.report import check_codes
from samcheck.report.fields import PLAIN, Column, Field, by_backend, by_group, by_precision, of_kinds, tally
from samcheck.report.root_causes import RootCause, root_causes
from samcheck.storage.results import Stored

#: The group of checks that say whether the masks are right.
ANSWERS = "correctness"


@dataclass(frozen=True)
class ResultEntry:
    """Which result something is of.

    Attributes:
        result: without its checks and packages.
    """

    device: str
    driver: str
    result: CellResult

    @property
    def order(self) -> tuple[str, str, Version, Version, str]:
        cell = self.result.cell
        return self.device, self.driver, version_of(cell.torch), version_of(cell.python), cell.id


@dataclass(frozen=True)
class TableRow(ResultEntry):
    """What the main table says of one result.

    Attributes:
        groups, precisions, backends: the fields of all checks.
        counts: how many checks had which outcome.
        answered: the variants and precisions that checks of correctness are about, and whether one held.
        encoded: the outcome of each check, see `check_codes`.
        known: of each check that met a known defect, its position and the defect's id.
        causes: why checks failed.
    """

    groups: Mapping[Column, Field]
    precisions: Mapping[Column, Field]
    backends: Mapping[Column, Field]
    counts: Mapping[CheckOutcome, int]
    answered: Mapping[Column, bool]
    encoded: bytes
    known: tuple[tuple[int, str], ...]
    causes: tuple[RootCause, ...]


H = TypeVar("H", bound=ResultEntry)


def without_checks(result: CellResult) -> CellResult:
    """What a `ResultEntry` keeps."""
    observed = result.observed and codec.replace(result.observed, packages={})
    return codec.replace(result, checks=[], observed=observed)


def row(stored: Stored) -> TableRow:
    """A result as a row."""
    kinds = tally(stored.result.checks)
    correctness = {kind: times for kind, times in kinds.items() if kind.group == ANSWERS}
    counts: Counter[CheckOutcome] = Counter()
    for kind, times in kinds.items():
        counts[kind.outcome] += times
    return TableRow(
        stored.device,
        stored.driver,
        without_checks(stored.result),
        of_kinds(kinds, by_group),
        of_kinds(kinds, by_precision),
        of_kinds(tally(_of_backends(stored.result.checks)), by_backend),
        counts,
        {column: field.held > 0 for column, field in of_kinds(correctness, by_precision).items()},
        *_shared(
            check_codes.encode(stored.result.checks),
            tuple(_known(stored.result.checks)),
            root_causes(stored.result.checks) if any(outcome.is_failure for outcome in counts) else (),
        ),
    )


def _of_backends(checks: Iterable[CheckResult]) -> Iterator[CheckResult]:
    """The checks that speak for their backend: only an answer that was compared shows that one works."""
    for check in checks:
        if check.backend is None or check.backend == PLAIN:
            continue
        bad = check.outcome.is_bad or check.outcome is CheckOutcome.KNOWN
        if bad or check.function.endswith("_matches"):
            yield check


def _known(checks: Iterable[CheckResult]) -> Iterator[tuple[int, str]]:
    """Without the claims of guides that do not hold, which have a table of their own."""
    for check in checks:
        if check.outcome is CheckOutcome.KNOWN and check.defect and check.group != "recipes":
            yield check_codes.position(check), check.defect


@lru_cache(maxsize=1000)
def _shared(
    encoded: bytes, known: tuple[tuple[int, str], ...], causes: tuple[RootCause, ...]
) -> tuple[bytes, tuple[tuple[int, str], ...], tuple[RootCause, ...]]:
    """The same objects for all results that are alike."""
    return encoded, known, causes


def by_machine(entries: Iterable[H]) -> Iterator[tuple[str, str, list[H]]]:
    """Device, driver and what is of them, each in the order of the tables."""
    ordered = sorted(entries, key=lambda entry: entry.order)
    for (device, driver), group in groupby(ordered, key=lambda entry: (entry.device, entry.driver)):
        yield device, driver, list(group)


def by_package(entries: Iterable[H]) -> Iterator[tuple[str, list[H]]]:
    """Packages that provide SAM and what is of them, segment-anything first, each in its order."""
    found: dict[str, list[H]] = {}
    for entry in entries:
        found.setdefault(Cell.of(entry.result.cell).package, []).append(entry)
    known = list(FAMILY_VARIANTS)
    for package in sorted(
        found, key=lambda name: (name not in known, name in known and known.index(name), name)
    ):
        yield package, found[package]
