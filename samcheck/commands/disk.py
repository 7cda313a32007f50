"""``samcheck disk`` and ``clean``: what samcheck keeps on this machine, and removing it."""

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
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def disk_command(as_json: bool) -> None:
    """Show what samcheck keeps on this machine: images, build cache, venvs, runs, and what killed runs left.

    What several of them share is counted once in the sums; `frees` is what the disk gets back when one
    goes alone.
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
    help="Only what was not used for so long, e.g. 12h or 14d; alone: of all of these.",
)
@click.option(
    "--keep-under",
    metavar="SIZE",
    help="Only until all that samcheck keeps takes at most so much, e.g. 20GiB; the oldest goes first.",
)
@click.option("--run", metavar="ID", help="Also the folder and the containers of one run.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
def clean_command(
    environments: bool,
    runs: bool,
    older_than: str | None,
    keep_under: str | None,
    run: str | None,
    dry_run: bool,
) -> None:
    """Remove containers that a killed run left behind, and more on request.

    Of the engine only what samcheck made goes: images with its label and name, and those records of the
    build cache that its Dockerfile left. What a container, a build or a run still uses is kept.
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
    click.echo(f"{count} things {'would be ' if dry_run else ''}removed")
    if failed:
        sys.exit(CELLS_FAILED)


def _read(option: str, text: str | None, read: Callable[[str], int]) -> int | None:
    """The value of an option that may be absent.

    Raises:
        BadInput: it means nothing.
    """
    try:
        return None if text is None else read(text)
    except BadInput as error:
        raise BadInput(f"{option}: {error}") from None
