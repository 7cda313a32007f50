"""What a table needs of one result: little enough that ten thousand of them fit in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import TypeVar

from packaging.version import Version

from samcheck import codec
from samcheck.facts import version_of
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CellResult, CheckResult
from samcheck.report.fields import Column, Field, by_group, by_precision, of_kinds, tally
from samcheck.storage.results import Stored

#: The times that have a table: of these functions of the suite, one for each variant and precision.
TIMED = ("encoder", "decoder", "end_to_end")
#: Variant, precision, and which of `TIMED`.
Timing = tuple[str, str, str]


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
        groups, precisions: the fields of all checks.
        counts: how many checks had which outcome.
        timed: median milliseconds.
    """

    groups: Mapping[Column, Field]
    precisions: Mapping[Column, Field]
    counts: Mapping[CheckOutcome, int]
    timed: Mapping[Timing, float]


H = TypeVar("H", bound=ResultEntry)


def without_checks(result: CellResult) -> CellResult:
    """What a `ResultEntry` keeps."""
    observed = result.observed and codec.replace(result.observed, packages={})
    return codec.replace(result, checks=[], observed=observed)


def row(stored: Stored) -> TableRow:
    """A result as a row."""
    kinds = tally(stored.result.checks)
    counts: Counter[CheckOutcome] = Counter()
    for kind, times in kinds.items():
        counts[kind.outcome] += times
    return TableRow(
        stored.device,
        stored.driver,
        without_checks(stored.result),
        of_kinds(kinds, by_group),
        of_kinds(kinds, by_precision),
        counts,
        _timed(stored.result.checks),
    )


def _timed(checks: Iterable[CheckResult]) -> dict[Timing, float]:
    times = {}
    for check in checks:
        if check.group == "latency" and "median_ms" in check.metrics:
            part = check.function.removeprefix("test_")
            if part in TIMED:
                times[_timing(check.variant or "", check.precision or "", part)] = check.metrics["median_ms"]
    return times


@cache
def _timing(*key: str) -> Timing:
    """The same one for all results."""
    variant, precision, part = key
    return variant, precision, part


def by_machine(entries: Iterable[H]) -> Iterator[tuple[str, str, list[H]]]:
    """Device, driver and what is of them, each in the order of the tables."""
    ordered = sorted(entries, key=lambda entry: entry.order)
    for (device, driver), group in groupby(ordered, key=lambda entry: (entry.device, entry.driver)):
        yield device, driver, list(group)
