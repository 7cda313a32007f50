"""``samcheck list`` and ``table``: list the shipped cells, and write the table of results."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from samcheck import facts, matrix, paths, report
from samcheck.commands.options import results_option
from samcheck.environments import machine
from samcheck.errors import CELLS_FAILED, BadInput
from samcheck.sanitize import visible


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(as_json: bool) -> None:
    """List the cells of the shipped matrices."""
    rows = [
        {"matrix": plan.name, "id": row.cell.id, "tags": list(row.tags)}
        for plan in matrix.shipped(paths.MATRICES, facts.load(), machine.look())
        for row in plan.cells
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        click.echo(f"{row['matrix']}: {row['id']} {' '.join(row['tags'])}".rstrip())


@click.command("table")
@click.option(
    "--check", is_flag=True, help="Write nothing; if the table is stale, print a diff and exit with 1."
)
@results_option
def table_command(results: Path, check: bool) -> None:
    """Write the table from the stored results."""
    if not results.is_dir():
        raise BadInput(f"there is no folder {results}")
    if not check:
        click.echo(report.write(results))
        return
    difference = report.stale(results)
    for line in difference:
        click.echo(visible(line))
    if difference:
        click.echo(f"samcheck: the table in {results} is stale: run `samcheck table`", err=True)
        sys.exit(CELLS_FAILED)
