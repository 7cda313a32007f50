"""``samcheck merge``: merge the results of a fan-out's shards into one folder and one table."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import click

from samcheck import report
from samcheck.commands.options import results_option
from samcheck.errors import CELLS_FAILED, BadInput
from samcheck.storage import merge


@click.command("merge")
@click.argument("folders", nargs=-1, required=True, metavar="FOLDER...", type=click.Path(path_type=Path))
@results_option
@click.option("--strict", is_flag=True, help="Exit with 1 if a cell in the folders did not pass.")
def merge_command(folders: tuple[Path, ...], results: Path, strict: bool) -> None:
    """Merge the result folders of several runs, such as the shards of one, and write their table.

    Give all shards at once: the cells that they left out, and none of them ran, replace the table's previous
    list of cells left out.
    """
    report.require_own(results)
    merged = merge.merge(folders, results)
    for line in _lines(merged):
        click.echo(line)
    for problem in merged.problems:
        click.echo(f"samcheck: {problem}", err=True)
    click.echo(f"table: {report.write(results, merged.left_out)}")
    if merged.problems:
        sys.exit(BadInput.exit_code)
    if strict and merged.failed:
        sys.exit(CELLS_FAILED)


def _lines(merged: merge.Merged) -> list[str]:
    """Return what was done: one line per result, and the counts last."""
    changes = [*_each("taken", merged.taken), *_each("replaced", merged.replaced)]
    notes = [f"note: {note}" for note in merged.notes]
    failed = _each("did not pass", merged.failed)
    counts = (
        f"{len(merged.taken)} taken, {len(merged.replaced)} replaced, {len(merged.kept)} kept, "
        f"{len(merged.failed)} did not pass, {len(merged.problems)} problems"
    )
    return [*changes, *notes, *failed, counts]


def _each(word: str, places: Sequence[PurePosixPath]) -> list[str]:
    return [f"{word}: {place}" for place in places]
