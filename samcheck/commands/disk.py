"""``samcheck disk`` and ``clean``: show and remove what samcheck stores on this machine."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import click

from samcheck import units
from samcheck.errors import CELLS_FAILED, BadInput
from samcheck.storage import clean, disk_listing, disk_usage


@click.command("disk")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def disk_command(as_json: bool) -> None:
    """Show what samcheck stores on this machine: images, build cache, venvs, runs, leftovers of killed runs.

    Sums count shared data once; `frees` is the disk space that removing that item alone gives back.
    """
    seen = disk_usage.look()
    if as_json:
        click.echo(json.dumps(disk_listing.as_json(seen, time.time()), indent=1))
        return
    for line in disk_listing.lines(seen, time.time()):
        click.echo(line)


@click.command("clean")
@click.option(
    "--environments", is_flag=True, help="Also images, their build cache, venvs, and indexes of results."
)
@click.option("--runs", is_flag=True, help="Also the folders of runs (journals, logs).")
@click.option(
    "--older-than",
    metavar="AGE",
    help="Only items unused for this long, e.g. 12h or 14d; without other options, of every kind.",
)
@click.option(
    "--keep-under",
    metavar="SIZE",
    help="Remove the oldest until what samcheck stores takes at most this, e.g. 20GiB.",
)
@click.option("--run", metavar="ID", help="Also the folder and the containers of one run.")
@click.option("--dry-run", is_flag=True, help="Only print what would be removed.")
def clean_command(
    environments: bool,
    runs: bool,
    older_than: str | None,
    keep_under: str | None,
    run: str | None,
    dry_run: bool,
) -> None:
    """Remove containers left behind by killed runs, and more on request.

    Removes from the engine only what samcheck made: images with its label and name, and the build cache
    records of its Dockerfile. Whatever a container, a build or a run still uses is kept.
    """
    request = clean.CleanRequest(
        environments=environments,
        runs=runs,
        older_than=_read("--older-than", older_than, units.seconds),
        keep_under=_read("--keep-under", keep_under, units.size),
        run=run,
        dry_run=dry_run,
    )
    count, failed = 0, False
    for step in clean.clean(request):
        click.echo(f"{step.done} {step.what}")
        count += step.done in ("removed", "would remove")
        failed |= step.done == clean.FAILED
    click.echo(f"{count} {'item' if count == 1 else 'items'} {'would be ' if dry_run else ''}removed")
    if failed:
        sys.exit(CELLS_FAILED)


def _read(option: str, text: str | None, read: Callable[[str], int]) -> int | None:
    """Parse the value of an option that may be absent.

    Raises:
        BadInput: the value is invalid.
    """
    try:
        return None if text is None else read(text)
    except BadInput as error:
        raise BadInput(f"{option}: {error}") from None
