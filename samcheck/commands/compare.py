"""``samcheck compare`` and ``samcheck noise``: what changed between two sets of results."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from samcheck import files
from samcheck.analysis.compare import Comparison, compare, comparison_text, noise, sources, verdicts
from samcheck.commands.options import Number, results_option
from samcheck.errors import CELLS_FAILED, BadInput
from samcheck.guest.record import CellResult


@click.command("compare")
@click.argument("base")
@click.argument("new")
@results_option
@click.option("--across", is_flag=True, help="Compare times of different machines as well.")
@click.option(
    "--alpha",
    type=Number(0.0001, 0.2),
    default=verdicts.ALPHA,
    show_default=True,
    help="The share of tables without any change in which one may be reported.",
)
@click.option("--all", "everything", is_flag=True, help="All lines of long lists.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file instead.")
def compare_command(
    base: str,
    new: str,
    results: Path,
    across: bool,
    alpha: float,
    everything: bool,
    as_json: bool,
    output: Path | None,
) -> None:
    """What changed between BASE and NEW: folders, files, or git revisions of results/.

    Exits with 1 where anything is known to be worse.
    """

    known = noise.known_in(results)
    before, after = sources.read(base, results), sources.read(new, results)
    found = compare(before, after, known, (base, new), across, alpha)
    content = _json(found) if as_json else comparison_text.markdown(found, everything)
    if output is None:
        click.echo(content, nl=False)
    else:
        files.write_atomically(output, content.encode())
        click.echo(comparison_text.headline(found))
    if found.worse:
        sys.exit(CELLS_FAILED)


def _json(found: Comparison) -> str:
    document = {
        "base": found.base,
        "new": found.new,
        "worse": found.worse,
        "headline": comparison_text.headline(found),
        "rows": [
            {"name": row.name, "changed": list(map(str, row.differences)), "apart": row.incomparable_because}
            for row in found.pairs
        ],
        "outcomes": [asdict(each) for each in found.changes],
        "numbers": [
            {
                **asdict(each),
                "key": str(each.key),
                "family": each.family.name,
                "scale": "logarithm of the ratio" if each.family.ratio else "difference",
            }
            for each in found.verdicts
        ],
        "notes": found.notes,
    }
    return json.dumps(document, indent=1) + "\n"


@click.command("noise")
@click.argument("folders", nargs=-1, required=True, metavar="RESULTS...")
@results_option
def noise_command(folders: tuple[str, ...], results: Path) -> None:
    """Keep results as A/A runs: the same cells again, with nothing changed, a folder for each run."""
    found: dict[tuple[str, str], list[CellResult]] = {}
    for folder in folders:
        for result in sources.read(folder, results):
            found.setdefault(noise.machine(result), []).append(result)
    for runs in found.values():
        for problem in noise.unlike(runs):
            raise BadInput(f"{problem}: A/A runs are of just the same, with nothing changed; leave one out")
    for (device, driver), runs in found.items():
        before = noise.load(noise.place(results, device, driver)) or noise.MachineRuns(device, driver)
        after = noise.added(before, runs)
        path = noise.store(results, after)
        for cell in dict.fromkeys(run.cell.id for run in runs):
            count = noise.count(after.cells.get(cell, []))
            click.echo(f"{cell}: {count} A/A {'run' if count == 1 else 'runs'}{_enough(count)}: {path}")


def _enough(count: int) -> str:
    missing = noise.FEWEST_RUNS - count
    return f", {missing} more until they are used" if missing > 0 else ""
