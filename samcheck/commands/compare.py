"""``samcheck compare`` and ``samcheck noise``: show what changed between two sets of results."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from samcheck import files
from samcheck.analysis.compare import (
    Comparison,
    compare,
    comparison_text,
    exact_bits,
    noise,
    sources,
    verdicts,
)
from samcheck.analysis.compare.package_differences import PackageDifferences
from samcheck.commands.options import Number, results_option
from samcheck.errors import CELLS_FAILED, NOTHING_KNOWN, BadInput
from samcheck.guest.record import CellResult
from samcheck.storage.results import load


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
    help="False-alarm rate: the fraction of unchanged tables in which a change may be reported.",
)
@click.option("--all", "everything", is_flag=True, help="Do not shorten long lists.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
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
    """Show what changed between BASE and NEW: folders, files, ids of cells, or git revisions of results/.

    The name of an environment of your own stands for its newest id.

    Exits with 1 if anything is known to be worse, with 5 if the two have nothing in common.
    """
    known = noise.known_in(results)
    before, after = sources.read(base, results), sources.read(new, results)
    others = [row.result for row in load(results)[0]] if any(row.cell.own for row in after) else []
    comparison = compare(before, after, known, (base, new), across, alpha, others)
    whole = everything or output is not None
    content = _json(comparison) if as_json else comparison_text.markdown(comparison, whole)
    if output is None:
        click.echo(content, nl=False)
    else:
        files.write_atomically(output, content.encode())
        click.echo(comparison_text.headline(comparison))
    if comparison.nothing_in_common:
        sys.exit(NOTHING_KNOWN)
    if comparison.worse:
        sys.exit(CELLS_FAILED)


def _json(comparison: Comparison) -> str:
    document = {
        "base": comparison.base,
        "new": comparison.new,
        "worse": comparison.worse,
        "headline": comparison_text.headline(comparison),
        "rows": [
            {
                "name": row.name,
                "changed": list(map(str, row.differences)),
                "apart": row.incomparable_because,
                "bits": asdict(exact_bits.compare_bits(row)),
            }
            for row in comparison.pairs
        ],
        "outcomes": [asdict(change) for change in comparison.changes],
        "numbers": [
            {
                **asdict(verdict),
                "key": str(verdict.key),
                "family": verdict.family.name,
                "scale": "logarithm of the ratio" if verdict.family.ratio else "difference",
            }
            for verdict in comparison.verdicts
        ],
        "kernels": [asdict(change) for change in comparison.kernels],
        "packages": [_packages_json(differences) for differences in comparison.packages],
        "notes": comparison.notes,
    }
    return json.dumps(document, indent=1) + "\n"


def _packages_json(differences: PackageDifferences) -> dict[str, Any]:
    changes = [{**asdict(change), "way": change.way} for change in differences.changes]
    return {**asdict(differences), "changes": changes}


@click.command("noise")
@click.argument("folders", nargs=-1, required=True, metavar="RESULTS...")
@results_option
def noise_command(folders: tuple[str, ...], results: Path) -> None:
    """Record results as A/A runs: the same cells run again with nothing changed, one folder per run."""
    by_machine: dict[tuple[str, str], list[CellResult]] = {}
    for folder in folders:
        for result in sources.read(folder, results):
            by_machine.setdefault(noise.machine(result), []).append(result)
    for runs in by_machine.values():
        for problem in noise.unlike(runs):
            raise BadInput(f"{problem}: A/A runs repeat the same cells with nothing changed; leave one out")
    for (device, driver), runs in by_machine.items():
        before = noise.load(noise.place(results, device, driver)) or noise.MachineRuns(device, driver)
        after = noise.added(before, runs)
        path = noise.store(results, after)
        for cell in dict.fromkeys(run.cell.id for run in runs):
            count = noise.count(after.cells.get(cell, []))
            click.echo(f"{cell}: {count} A/A {'run' if count == 1 else 'runs'}{_enough(count)}: {path}")


def _enough(count: int) -> str:
    missing = noise.FEWEST_RUNS - count
    return f", {missing} more needed before they are used" if missing > 0 else ""
