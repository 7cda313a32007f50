"""``samcheck export`` and ``schema``: export results for other programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO

import click

from samcheck import files
from samcheck.commands.options import only_option, results_option
from samcheck.errors import BadInput, EmptySelection
from samcheck.report import exports
from samcheck.report.exports import json_document
from samcheck.storage import results as store
from samcheck.storage.results import Stored


@click.command("export")
@click.option("--format", "name", type=click.Choice(list(exports.FORMATS)), required=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    default="-",
    help="Output file, replaced atomically; default: standard output.",
)
@only_option
@results_option
def export_command(name: str, output: Path, only: tuple[str, ...], results: Path) -> None:
    """Export the stored results for other programs.

    json: one document with everything; `samcheck schema export` prints its schema. csv, parquet: one row per
    check. junit: one suite per cell. badge: SVG. annotations: errors that GitHub shows on a run.
    summary: Markdown for $GITHUB_STEP_SUMMARY.

    Files that are not results are reported and make the exit code 2; the others are exported anyway.
    """
    problems: list[store.UnreadableFile] = []
    with _opened(output) as stream:
        exports.FORMATS[name](_chosen(results, only, problems), problems, stream)
    for problem in problems:
        click.echo(f"samcheck: {problem}", err=True)
    if problems:
        sys.exit(BadInput.exit_code)


def _chosen(results: Path, only: tuple[str, ...], problems: list[store.UnreadableFile]) -> Iterator[Stored]:
    """Yield the results whose cell id matches one of the patterns.

    Raises:
        EmptySelection: there are none; an empty export would look like a green one.
    """
    count = 0
    for stored in store.stream(results, problems):
        if not only or any(fnmatchcase(stored.result.cell.id, pattern) for pattern in only):
            count += 1
            yield stored
    if not count and not problems:
        fitting = f" for a cell that matches {', '.join(only)}" if only else ""
        raise EmptySelection(
            f"{results} holds no result{fitting}: run `nox -s matrix`, or name another --results"
        )


def _opened(output: Path) -> AbstractContextManager[IO[bytes]]:
    return nullcontext(sys.stdout.buffer) if str(output) == "-" else files.replacing(output)


@click.command("schema")
@click.argument("name", type=click.Choice(list(json_document.SHAPES)), default="export")
def schema_command(name: str) -> None:
    """Print the JSON Schema of an export, or of one result file."""
    click.echo(json.dumps(json_document.schema(name), indent=1))
