"""``samcheck show`` and ``repro``: show one result, and how to re-run one of its checks."""

from __future__ import annotations

from pathlib import Path

import click

from samcheck import version
from samcheck.commands.options import results_option
from samcheck.report import lookup, terminal
from samcheck.run import progress as display
from samcheck.run import reproduce


@click.command("show")
@click.argument("cell")
@click.option("--check", metavar="GLOB", help="Show full details of the checks whose id matches.")
@results_option
def show_command(cell: str, check: str | None, results: Path) -> None:
    """Show a result: outcome, environment, groups of checks, reasons with their evidence.

    CELL is a cell's id, or `<device>/<driver>/<id>` to pick one of several results.
    """
    console = display.terminal()
    for stored in lookup.cells(results, cell):
        if check is None:
            terminal.show(console, terminal.cell(stored))
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
