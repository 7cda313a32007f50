"""``samcheck attribute``: find the smallest combination of axes that goes with an outcome."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import click

from samcheck import facts, paths
from samcheck.analysis.attribute import attribution_text, cases, causes
from samcheck.analysis.attribute.cases import AttributionCase
from samcheck.errors import BadInput, EmptySelection
from samcheck.storage import results


@click.command("attribute")
@click.argument("folder", type=click.Path(path_type=Path), default=paths.RESULTS, required=False)
@click.option("--group", "group", default="", metavar="G", help="Only checks of this group, e.g. dtype.")
@click.option("--check", "pattern", default="*", metavar="GLOB", help="Only checks whose id matches.")
@click.option(
    "--outcome",
    default="failed",
    show_default=True,
    help="What to explain: failed (also crashed, timed-out, not-run), known, fixed, skipped, passed, ...",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def attribute_command(folder: Path, group: str, pattern: str, outcome: str, as_json: bool) -> None:
    """Find the smallest set of versions, device, variant, precision and backend that goes with failures.

    Tries all conjunctions of up to three conditions. If several equally small ones explain the failures,
    prints all of them, with a cell to run that would tell them apart.
    """
    if not folder.is_dir():
        raise BadInput(f"there is no folder {folder}")
    wanted = cases.outcomes(outcome)
    stored, problems = results.load(folder)
    if problems and not stored:
        raise BadInput("\n".join([f"{folder} holds no readable results", *problems]))
    rows = cases.cases(stored, facts.load())
    explained = causes.attribute(rows, wanted, _chosen(rows, group, pattern, folder), facts.load())
    if as_json:
        click.echo(json.dumps(attribution_text.as_json(explained), indent=1))
    else:
        for line in attribution_text.lines(explained, outcome, len(rows)):
            click.echo(line)
    for problem in problems:
        click.echo(f"samcheck: {problem}", err=True)
    sys.exit(BadInput.exit_code if problems else 0)


def _chosen(rows: Sequence[AttributionCase], group: str, pattern: str, folder: Path) -> frozenset[str]:
    """Return the names of the checks to look at.

    Raises:
        EmptySelection: the folder holds no result, or none has such a check.
    """
    if not rows:
        raise EmptySelection(f"{folder} holds no results: run `samcheck matrix` first")
    every = {name: check.group for row in rows for name, check in row.checks.items()}
    chosen = {name for name, of in every.items() if fnmatchcase(name, pattern) and group in ("", of)}
    # Names of checks contain brackets, which have a meaning of their own in patterns.
    chosen |= {name for name in every if name == pattern and group in ("", every[name])}
    if not chosen:
        known = ", ".join(sorted(set(every.values())))
        raise EmptySelection(f"no check matches group {group or '(any)'} and {pattern}; groups: {known}")
    return frozenset(chosen)
