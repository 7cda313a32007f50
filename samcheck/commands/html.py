"""``samcheck html``: write all results as one page to filter, compare and browse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from samcheck import paths
from samcheck.analysis.compare import git_history
from samcheck.commands.options import Count
from samcheck.report import html
from samcheck.storage import results
from samcheck.units import readable


@click.command("html")
@click.argument("folders", nargs=-1, metavar="[FOLDER]...", type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"Output file; default: {html.PAGE} in the last folder.",
)
@click.option(
    "--commits",
    type=Count(0),
    default=0,
    help="Also include results from this many commits of their git history.",
)
def html_command(folders: tuple[Path, ...], output: Path | None, commits: int) -> None:
    """Write one HTML file with all results, which opens from disk and needs no network.

    FOLDERs hold results; default: ./results. If several have runs of the same cell, the newest counts and
    the others are its history.
    """
    folders = folders or (paths.RESULTS,)
    path = output or folders[-1] / html.PAGE
    older = [stored for folder in folders if commits for stored in _kept_by_git(folder, commits)]
    packed = html.write(path, folders, older)
    if packed.left_out:
        click.echo(f"left out, because the page would be too large: {', '.join(packed.left_out)}", err=True)
    size = readable(path.stat().st_size)
    click.echo(f"{path}: {packed.results} results, {packed.checks} checks, {size}")


def _kept_by_git(folder: Path, commits: int) -> Iterator[results.Stored]:
    """Yield earlier results, with the folders that they would be in."""
    for result in git_history.versions(folder, commits):
        yield results.Stored(*results.machine_of(result, "unknown"), result)
