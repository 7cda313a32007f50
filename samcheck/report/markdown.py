"""The compatibility table as Markdown, readable in a browser, in a terminal and in a diff."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from samcheck.facts import Facts
from samcheck.matrix import LeftOut
from samcheck.report import coverage, machine_section, overview
from samcheck.report.escaping import escape
from samcheck.report.table_rows import TableRow, by_machine, by_package

TITLE = "# Does Segment Anything work here?"
INTRODUCTION = """\
One row for each environment that was built and in which the suite ran. A field says what the checks found for
SAM in one precision: ✓ works; ≈ differs: a known defect shows that other environments do not have; ✗ fails,
also when run again; ~ intermittent: failed, but not when run again; ○ cannot run; – not tried. A name behind
a sign is a variant of SAM; a sign without one holds for all variants that were tried. amp is autocast, int8
is int8-dynamic. `samcheck show` prints everything about one environment: its numbers, and every reason.
Written by `samcheck table`; do not edit.
"""


def document(
    rows: Iterable[TableRow],
    problems: Sequence[str],
    left_out: Sequence[LeftOut],
    facts: Facts | None = None,
    defects_page: str = "",
) -> str:
    """The whole document.

    Args:
        problems: files that are not results, and what is wrong with each.
        left_out: cells that the last run left out.
        facts: adds what they say of combinations that were not tried.
        defects_page: where the page of known defects is, from the document; empty where there is none.
    """
    machines = list(by_machine(rows))
    parts = ["\n".join([TITLE, "", *overview.lines(machines), INTRODUCTION])]
    for _, drivers in groupby(machines, key=lambda machine: machine[0]):
        of_device = list(drivers)
        for device, driver, mine in of_device:
            for package, of_package in by_package(mine):
                heading = overview.heading(device, driver, package)
                section = machine_section.section(heading, of_package, defects_page)
                untried = coverage.section([row.result for row in of_package], facts)
                parts.append("\n".join([*section, *untried]))
        if len(of_device) > 1:
            parts.append("\n".join(machine_section.between_drivers(of_device, defects_page)))
    if not machines:
        parts.append("No results yet: run `nox -s matrix`.\n")
    parts += ["\n".join(part) for part in _apart(problems, left_out)]
    return "\n".join(parts)


def _apart(problems: Sequence[str], left_out: Sequence[LeftOut]) -> Iterator[list[str]]:
    """What is no result."""
    if left_out:
        lines = [f"- {escape(cell.id)}: {escape(cell.reason)}" for cell in left_out]
        yield ["## Left out of the last run", "", *lines, ""]
    if problems:
        yield ["## Files that are not results", "", *(f"- {escape(problem)}" for problem in problems), ""]
