"""``samcheck list``, ``table`` and ``clean``: what is there, and what can go."""

from __future__ import annotations

import json
from pathlib import Path

import click

from samcheck import clean, facts, machine, matrix, report
from samcheck.commands.options import MATRICES, results_option


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_command(as_json: bool) -> None:
    """List the cells of the shipped matrices."""
    rows = [
        {"matrix": plan.name, "id": row.cell.id, "tags": list(row.tags)}
        for plan in matrix.shipped(MATRICES, facts.load(), machine.look())
        for row in plan.cells
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        click.echo(f"{row['matrix']}: {row['id']} {' '.join(row['tags'])}".rstrip())


@click.command("table")
@results_option
def table_command(results: Path) -> None:
    """Write the table from the results that are there."""
    click.echo(report.write(results))


@click.command("clean")
@click.option("--environments", is_flag=True, help="Also images, their build cache, and venvs.")
@click.option("--runs", is_flag=True, help="Also the folders of runs (journals, logs).")
def clean_command(environments: bool, runs: bool) -> None:
    """Remove containers that a killed run left behind, and more on request."""
    count = 0
    for line in clean.clean(environments, runs):
        click.echo(f"removed {line}")
        count += 1
    click.echo(f"{count} things removed")
