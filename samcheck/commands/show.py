"""``samcheck show`` and ``repro``: show one result, and how to re-run one of its checks."""

from __future__ import annotations

from pathlib import Path

import click

from samcheck import version
from samcheck.commands.options import results_option
from samcheck.report import lookup, terminal
from samcheck.report.shared_findings import NOTHING_SHARED, shared_findings
from samcheck.run import progress as display
from samcheck.run import reproduce


@click.command("show")
@click.argument("cell")
@click.option("--check", metavar="GLOB", help="Show full details of the checks whose id matches.")
@click.option("--all", "everything", is_flag=True, help="Also what other environments of the machine share.")
@results_option
def show_command(cell: str, check: str | None, everything: bool, results: Path) -> None:
    """Show a result: outcome, environment, groups of checks, reasons with their evidence.

    Known defects and skips that all other environments of the machine have too are only counted.

    CELL is a cell's id, or `<device>/<driver>/<id>` to pick one of several results.
    """
    console = display.terminal()
    for stored in lookup.cells(results, cell):
        if check is None:
            shared = NOTHING_SHARED if everything else shared_findings(lookup.others(stored))
            terminal.show(console, terminal.cell(stored, shared))
            continue
        for result in lookup.checks(stored, check):
            terminal.show(console, terminal.check(result))


@click.command("repro")
@click.argument("cell")
@click.argument("check", metavar="NODEID")
@results_option
def repro_command(cell: str, check: str, results: Path) -> None:
    """Print the shell command that re-runs one check of a result in the same environment."""
    stored = lookup.single(lookup.cells(results, cell))
    wanted = lookup.check(stored, check)
    click.echo(reproduce.line(stored.result, wanted))
    here = version.version()
    if stored.result.samcheck != here:
        click.echo(
            f"samcheck: the result is from samcheck {stored.result.samcheck}, this is {here}", err=True
        )
