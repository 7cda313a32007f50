"""What a table needs of one result: little enough that ten thousand of them fit in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby

from packaging.version import InvalidVersion, Version

from samcheck.guest.record import CellResult, CheckResult
from samcheck.report.fields import Column, Field, by_group, by_precision, fields
from samcheck.results import Stored

#: Groups whose checks are looked at one by one.
SINGLE = ("latency", "peaks", "recipes", "recovery")


@dataclass(frozen=True)
class Row:
    """One result.

    Attributes:
        result: with the checks of `SINGLE` only, without their tracebacks and samples.
        groups, precisions: the fields of all checks.
        counts: how many checks had which outcome.
    """

    device: str
    driver: str
    result: CellResult
    groups: Mapping[Column, Field]
    precisions: Mapping[Column, Field]
    counts: Mapping[str, int]

    @property
    def stored(self) -> Stored:
        return Stored(self.device, self.driver, self.result)

    @property
    def order(self) -> tuple[str, str, Version, Version, str]:
        cell = self.result.cell
        return self.device, self.driver, _version(cell.torch), _version(cell.python), cell.id


def row(stored: Stored) -> Row:
    """A result as a row."""
    result = stored.result
    single = [_short(each) for each in result.checks if each.group in SINGLE]
    observed = result.observed and replace(result.observed, packages={})
    return Row(
        stored.device,
        stored.driver,
        replace(result, checks=single, observed=observed),
        fields(result.checks, by_group),
        fields(result.checks, by_precision),
        Counter(check.outcome for check in result.checks),
    )


def _short(check: CheckResult) -> CheckResult:
    return replace(check, details="", series=[]) if check.details or check.series else check


def by_machine(rows: Iterable[Row]) -> Iterator[tuple[str, str, list[Row]]]:
    """Device, driver and their rows, each in the order of the tables."""
    ordered = sorted(rows, key=lambda each: each.order)
    for (device, driver), group in groupby(ordered, key=lambda each: (each.device, each.driver)):
        yield device, driver, list(group)


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        return Version("0")
