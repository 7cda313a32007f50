"""Writes what the pages take from code and from outputs of commands (`--update`), or compares (`--check`)."""

from __future__ import annotations

import sys

import click

from tests.docs import pages
from tests.docs.blocks import CHECKOUT


@click.command()
@click.option("--update", "mode", flag_value="update", help="Write the pages and outputs that are stale.")
@click.option("--check", "mode", flag_value="check", help="Name them, and exit with 1 if there are any.")
def main(mode: str | None) -> None:
    """What the documentation takes from the code: generated pages, and outputs of commands."""
    if mode is None:
        raise click.UsageError("give --update or --check")
    stale = pages.update() if mode == "update" else pages.stale()
    for path in stale:
        click.echo(f"{'updated' if mode == 'update' else 'stale'}: {path.relative_to(CHECKOUT)}")
    if stale and mode == "check":
        sys.exit(1)


if __name__ == "__main__":
    main()
