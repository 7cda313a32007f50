"""Results of one machine → a row for each environment, with what every run of it has shown."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from samcheck.cells import Cell
from samcheck.facts import version_of
from samcheck.guest.outcomes import CellOutcome
from samcheck.guest.record import CellResult
from samcheck.guest.variant_names import FAMILY_VARIANTS
from samcheck.report.fields import Column
from samcheck.report.marks import Mark, combined, mark
from samcheck.report.table_rows import TableRow
from samcheck.storage import results

#: What environments of one machine differ in, from what explains most to what explains least.
AXES = {
    "torch": "PyTorch",
    "python": "Python",
    "numpy": "NumPy",
    "cuda": "CUDA build",
    "driver": "driver",
    "sam": "SAM",
}


@dataclass(frozen=True)
class EnvironmentRow:
    """An environment, with the results of all runs in it.

    Attributes:
        rows: the results, oldest first; several where some were restricted to variants or groups.
    """

    rows: tuple[TableRow, ...]

    @cached_property
    def latest(self) -> CellResult:
        """The newest result that was not restricted, else the newest."""
        ran = [row.result for row in self.rows]
        return ([result for result in ran if not result.only] or ran)[-1]

    @property
    def is_whole(self) -> bool:
        """Whether a run answers for the environment: not restricted to groups, and not kept from running."""
        return any(not row.result.groups and row.result.is_conclusive for row in self.rows)

    @property
    def works(self) -> bool:
        return self.is_whole and all(row.result.outcome is CellOutcome.PASSED for row in self.rows)

    @property
    def package(self) -> str:
        """Name of the package that provides its SAM."""
        return Cell.of(self.latest.cell).package

    @cached_property
    def values(self) -> Mapping[str, str]:
        """Its value on each of `AXES`."""
        cell = Cell.of(self.latest.cell)
        return {
            "torch": cell.torch,
            "python": cell.python,
            "numpy": results.numpy_of(self.latest),
            "cuda": cell.cuda,
            "driver": self.rows[0].driver,
            "sam": cell.sam,
        }

    def mark(self, column: Column, everywhere: Collection[str]) -> Mark:
        """What all runs together say of a variant in a precision.

        Args:
            everywhere: as `marks.mark` has it.
        """
        return combined([_mark(row, column, everywhere) for row in self.rows])

    def mark_of_backend(self, column: Column, everywhere: Collection[str]) -> Mark:
        """What all runs together say of a backend."""
        return combined([mark(row.backends.get(column), everywhere) for row in self.rows])


def _mark(row: TableRow, column: Column, everywhere: Collection[str]) -> Mark:
    found = mark(row.precisions.get(column), everywhere)
    # Memory that is as counted, say, is no answer to whether the masks are right.
    if found in (Mark.FAILS, Mark.INTERMITTENT):
        return found
    if found is Mark.UNTRIED or column not in row.answered:
        return Mark.UNTRIED
    return found if row.answered[column] else Mark.CANNOT_RUN


def environment_rows(rows: Sequence[TableRow]) -> list[EnvironmentRow]:
    """One row for each environment and driver, in the order of `rows`."""
    found: dict[tuple[str, str], list[TableRow]] = {}
    for row in rows:
        found.setdefault((row.driver, row.result.cell.id), []).append(row)
    return [
        EnvironmentRow(tuple(sorted(members, key=lambda row: row.result.finished)))
        for members in found.values()
    ]


def columns_of(environments: Sequence[EnvironmentRow]) -> list[Column]:
    """Every variant and precision of which some environment has checks."""
    found = {column for environment in environments for row in environment.rows for column in row.precisions}
    return sorted(found, key=lambda column: column.order)


def variants_of(environments: Sequence[EnvironmentRow], columns: Sequence[Column]) -> list[str]:
    """The variants that samcheck has of the environments' packages, and others that are in `columns`."""
    packages = {environment.package for environment in environments}
    own = [name for package, names in FAMILY_VARIANTS.items() if package in packages for name in names]
    return list(dict.fromkeys((*own, *(column.variant for column in columns))))


def untried_share(environments: Sequence[EnvironmentRow], columns: Sequence[Column]) -> float:
    """How much nobody knows: of each variant in each precision, in each environment; between 0 and 1."""
    precisions = dict.fromkeys(column.precision for column in columns)
    fields = len(environments) * len(variants_of(environments, columns)) * len(precisions)
    marks = (environment.mark(column, ()) for environment in environments for column in columns)
    tried = sum(mark is not Mark.UNTRIED for mark in marks)
    return 1 - tried / fields if fields else 1.0


def age_of(environments: Sequence[EnvironmentRow]) -> str:
    """The days of the oldest and of the newest result."""
    days = sorted({environment.latest.finished[:10] for environment in environments})
    return " to ".join(dict.fromkeys((days[0], days[-1])))


def order(axis: str, value: str) -> tuple[object, ...]:
    """By version, for what is one: ``cu92`` comes before ``cu121``."""
    return version_of(value.removeprefix("cu") or "0"), value
