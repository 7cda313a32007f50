"""``samcheck facts``: show the facts that samcheck relies on and their sources, and check or refresh them."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from samcheck import facts
from samcheck.analysis import contradictions
from samcheck.errors import CELLS_FAILED, BadInput
from samcheck.facts import TABLES, Fact, Facts, GpuModel
from samcheck.run import progress as display
from samcheck.storage import results
from samcheck.suggestions import did_you_mean

STATUSES = ("verified", "stored", "unverified")
#: Table → its file.
FILES = {**{name: file for name, (file, _, _) in TABLES.items()}, "builds": "torch"}


@click.command("facts")
@click.argument("table", default="", metavar="[TABLE]")
@click.argument("id", default="", metavar="[ID]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--against",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Report results in a folder that contradict the facts; exit with 1 if any does.",
)
@click.option("--refresh", is_flag=True, help="Propose facts that the package index has and the files lack.")
@click.option("--write", is_flag=True, help="With --refresh: apply the proposal to the files.")
def facts_command(
    table: str, id: str, as_json: bool, folder: Path | None, refresh: bool, write: bool
) -> None:
    """Show the facts that plans are based on: all tables, one TABLE, or `sources` with an ID."""
    if write and not refresh:
        raise BadInput("--write works only with --refresh: add it")
    if (folder is not None) + refresh + bool(table) > 1:
        raise BadInput("TABLE, --against and --refresh exclude each other: give one of them")
    if folder is not None:
        _against(folder, as_json)
    elif refresh:
        _refresh(write, as_json)
    elif table == "sources":
        _sources(facts.load(), id, as_json)
    elif id:
        raise BadInput(f"{table} takes no ID: only `sources` does")
    elif table:
        _tables(facts.load(), table, as_json)
    else:
        _summary(facts.load(), as_json)


def _rows(known: Facts, name: str) -> list[tuple[dict[str, object], Fact]]:
    """Return the rows of a table with their columns; builds, stored inside releases, get their own table."""
    if name == "builds":
        builds = ((release.version, build) for release in known.releases for build in release.builds)
        return [({"torch": version, **_columns(build)}, build) for version, build in builds]
    if name == "gpus":
        return [(_sized(gpu, known), gpu) for gpu in known.gpus]
    rows: tuple[Fact, ...] = getattr(known, name)
    return [(_columns(row), row) for row in rows]


def _sized(gpu: GpuModel, known: Facts) -> dict[str, object]:
    """Return a GPU's columns with its nominal GB; the table `memory` has how much of that is usable."""
    sizes = tuple(row.labels[0] for row in known.sizes_of(gpu))
    return {"name": gpu.name, "aliases": gpu.aliases, "memory_gb": sizes, **_columns(gpu)}


def _columns(row: Fact) -> dict[str, object]:
    """Return the fields of a row, with status and source last."""
    own = {key: value for key, value in row if key not in ("builds", "status", "source")}
    return {**own, "status": row.status, "source": row.source}


def _summary(known: Facts, as_json: bool) -> None:
    summary = []
    for name, file in FILES.items():
        rows = _rows(known, name)
        count = Counter(str(row.status) for _, row in rows)
        statuses = {status: count[status] for status in STATUSES}
        summary.append(
            {"table": name, "rows": len(rows), **statuses, "as_of": known.as_of[file], "file": f"{file}.toml"}
        )
    if as_json:
        click.echo(json.dumps(summary, indent=1))
        return
    shown = Table(*summary[0])
    for line in summary:
        shown.add_row(*(str(value) for value in line.values()))
    _console().print(shown)
    click.echo(f"{len(known.sources)} sources: samcheck facts sources")


def _tables(known: Facts, wanted: str, as_json: bool) -> None:
    """Print one table by its name, or all tables of a file by the file's name."""
    names = [wanted] if wanted in FILES else [name for name, file in FILES.items() if file == wanted]
    if not names:
        hint = did_you_mean(wanted, [*FILES, *FILES.values(), "sources"])
        hint = hint or f"known: {', '.join([*FILES, 'sources'])}"
        raise BadInput(f"there is no table {wanted!r}: {hint}")
    if as_json:
        rows = {name: [columns for columns, _ in _rows(known, name)] for name in names}
        click.echo(json.dumps(rows[wanted] if wanted in FILES else rows, indent=1))
        return
    for name in names:
        _console().print(_shown(name, [columns for columns, _ in _rows(known, name)]))


def _shown(name: str, rows: list[dict[str, object]]) -> Table:
    """Return a table for people, without columns that are empty in all rows."""
    fields = [key for key in rows[0] if any(_text(row[key]) for row in rows)]
    shown = Table(*fields, title=name)
    for row in rows:
        shown.add_row(*(escape(_text(row[key])) for key in fields))
    return shown


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(str(part) for part in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {part}" for key, part in value.items())
    return str(value or "")


def _sources(known: Facts, id: str, as_json: bool) -> None:
    if id and id not in known.sources:
        hint = did_you_mean(id, known.sources) or "`samcheck facts sources` lists all"
        raise BadInput(f"there is no source {id!r}: {hint}")
    chosen = {id: known.sources[id]} if id else known.sources
    if as_json:
        click.echo(json.dumps(chosen, indent=1))
        return
    for key, text in chosen.items():
        click.echo(f"{key}: {text}")


def _against(folder: Path, as_json: bool) -> None:
    stored, problems = results.load(folder)
    if not stored:
        raise BadInput(
            f"{folder} holds no results, which would be in <device>/<driver>/*.json"
            + "".join(f"; {problem}" for problem in problems)
        )
    for problem in problems:
        click.echo(f"samcheck: {problem}", err=True)
    contradicting = contradictions.contradictions(facts.load(), stored)
    if as_json:
        click.echo(json.dumps([asdict(contradiction) for contradiction in contradicting], indent=1))
    else:
        for row in contradicting:
            click.echo(str(row))
        click.echo(f"{len(stored)} results, {len(contradicting)} contradict the facts")
    if contradicting:
        sys.exit(CELLS_FAILED)


def _console() -> Console:
    """Return a console as wide as the terminal; in a file or a pipe nothing is truncated."""
    console = display.terminal()
    return console if console.is_terminal else display.terminal(width=300)


def _refresh(write: bool, as_json: bool) -> None:
    from samcheck.facts.refresh import simple_index
    from samcheck.facts.refresh.proposal import propose

    proposal = propose(simple_index.PackageIndex(simple_index.configured()))
    if write:
        proposal.write()
    if as_json:
        said = {
            "diff": proposal.diff(),
            "notes": proposal.notes,
            "by_hand": proposal.by_hand,
            "written": write and bool(proposal.changes),
        }
        click.echo(json.dumps(said, indent=1))
        return
    click.echo(proposal.diff(), nl=False)
    for note in proposal.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(proposal.by_hand, err=True)
    if not proposal.changes:
        by_hand = "the notes say what is left to a person" if proposal.notes else "the facts lack nothing"
        click.echo(f"there is nothing to write: {by_hand}", err=True)
    elif write:
        click.echo(f"changed: {', '.join(str(change.path) for change in proposal.changes)}", err=True)
    else:
        click.echo("nothing was written; add --write to apply this", err=True)
