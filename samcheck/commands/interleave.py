"""``samcheck interleave``: measure two cells of this machine in alternation and compare them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from samcheck import certificates, facts, files, matrix, owned, paths, streams, version
from samcheck.analysis.compare import compare, comparison_text
from samcheck.analysis.interleave import PairedRun, run_in_turns
from samcheck.analysis.interleave.turns_table import times
from samcheck.commands.options import (
    Count,
    Number,
    build_options,
    matrix_option,
    timeout_option,
    variants_option,
)
from samcheck.commands.variants import declared_in, variants_of
from samcheck.environments import KINDS, choice, gpu_health, machine, own_variant
from samcheck.errors import CELLS_FAILED, BadInput
from samcheck.facts import Facts
from samcheck.guest.outcomes import CellOutcome
from samcheck.guest.record import CellResult
from samcheck.matrix import PlannedCell, explain, selection
from samcheck.matrix.ranking import NO_LIMIT
from samcheck.run import progress as display
from samcheck.run import repetitions, scheduler, session, unexpected
from samcheck.run.context import Settings
from samcheck.run.scheduler import Gates
from samcheck.sanitize import visible
from samcheck.storage import results, runs

#: Number of process pairs.
PAIRS = 10
SIDES = ("base", "new")


@click.command("interleave")
@click.argument("base")
@click.argument("new")
@build_options
@matrix_option
@timeout_option
@variants_option
@click.option("--tier", type=click.Choice(["fast", "full"]), default="fast", show_default=True)
@click.option("--processes", type=Count(2), default=PAIRS, show_default=True, help="Processes per cell.")
@click.option(
    "--seconds",
    type=Number(min=0.1),
    default=1.0,
    show_default=True,
    help="Seconds per benchmark in each process, after an equally long warm-up.",
)
@click.option("--gpu", "gpus", default="", metavar="NUMBER", help="The GPU for both; default: the first.")
@click.option("--resume", metavar="RUN", help="Continue this interrupted run.")
def interleave_command(base: str, new: str, resume: str | None, **options: Any) -> None:
    """Measure two cells in alternation and report which benchmarks differ.

    BASE and NEW are cell ids, as `samcheck why` explains them, or names of environments that the file
    given with --matrix declares. One process of each is alive at a time, and one of the two always waits, so
    that disturbances on a shared machine affect both alike.

    Exits with 1 if anything is slower, or a cell could not be measured.
    """
    known = facts.load()
    cells = (_cell(base, options["file"], known), _cell(new, options["file"], known))
    settings = _settings(any(cell.cell.needs_gpu_build for cell in cells), **options)
    folder = _folder(resume)
    _require_same(folder, settings)
    streams.outlive()
    console = display.terminal()
    console.print(
        f"{base} and {new} in turns, {settings.processes} processes of each, run {folder.name}\n"
        f"environment: {settings.environment.kind}, because: {visible(settings.why)}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    with files.locked(folder, wait=False), display.display(console, len(cells)) as shown:
        lines = (shown.cell(f"{base} (base)"), shown.cell(f"{new} (new)"))
        measured = run_in_turns(PairedRun(settings, folder, cells), lines)
        for line, result in zip(lines, measured, strict=True):
            line.finished(result)
    sys.exit(_told(console, folder, measured))


def _cell(text: str, file: Path | None, known: Facts) -> PlannedCell:
    """Return a cell by its id, or an own environment of a matrix file by its name or id.

    Raises:
        BadInput: there is none.
    """
    if file is not None:
        plan = matrix.plan(selection.file_of(file), known, machine.look(), budget=NO_LIMIT)
        for row in plan.cells:
            if text == row.cell.id or (row.own and text == row.own.name):
                return row
    return PlannedCell(explain.find(text, known))


def _settings(
    on_gpu: bool,
    *,
    environment: str,
    ca_bundle: str | None,
    check_timeout: float,
    file: Path | None,
    variants: str,
    tier: str,
    processes: int,
    seconds: float,
    gpus: str,
) -> Settings:
    if ca_bundle:
        certificates.trust(ca_bundle)
    if environment == "here":
        raise BadInput(
            f"--environment here: that is one cell only; use {' or '.join(KINDS[:2])}, which build two"
        )
    chosen = choice.choose_environment(environment)
    numbers = machine.places(scheduler.gpus(gpus, machine.gpu_count()))[:1]
    if on_gpu:
        machine.require_answers(numbers)
        gpu_health.require_usable(numbers, chosen.environment.kind == "docker")
    declared = declared_in(file)
    return Settings(
        tier,
        chosen.environment,
        chosen.why,
        check_timeout,
        variants=variants_of(variants, tier, own=False, declared=declared),
        version=version.version(),
        gates=Gates(jobs=2, gpus=numbers),
        groups=(repetitions.GROUP,),
        processes=processes,
        seconds=seconds,
        own_variants=declared,
    )


def _folder(resume: str | None) -> Path:
    """Return a new folder, or that of an interrupted run.

    Raises:
        BadInput: there is no such run.
    """
    if resume and resume not in _resumable():
        raise BadInput(f"--resume: {paths.RUNS} holds no run {resume!r} of interleave")
    folder = paths.RUNS / (resume or runs.new_name())
    owned.make(folder, runs.is_meeting)
    return folder


def _require_same(folder: Path, settings: Settings) -> None:
    """Require that a run continues with the contents of the user's own variants that it began with.

    Raises:
        BadInput: one of them has changed.
    """
    path, contents = folder / "own-variants.json", own_variant.contents(settings.own_variants)
    if path.exists() and files.parsed_json(files.read(path)) != list(contents):
        raise BadInput(
            f"--resume: {folder.name} measured other contents of your own variants: start a new run"
        )
    files.write_atomically(path, json.dumps(contents).encode())


def _resumable() -> set[str]:
    """Return the names of the runs that have started to measure two sides."""
    folders = (path for path in paths.RUNS.glob("*/") if (path / SIDES[0]).is_dir())
    return {path.name for path in folders if owned.is_own(path, runs.is_meeting)}


def _told(console: Console, folder: Path, measured: tuple[CellResult, CellResult]) -> int:
    """Store both results, print their comparison even if storing fails, and return the exit code."""
    stores = [folder / "results" / side for side in SIDES]
    troubles = [_stored(store, result, folder) for store, result in zip(stores, measured, strict=True)]
    compared = compare([measured[0]], [measured[1]], lambda _: {}, SIDES)
    again = "" if any(troubles) else f"to compare again: samcheck compare {' '.join(map(str, stores))}"
    for line in (comparison_text.markdown(compared), *times(compared), "", *filter(None, (*troubles, again))):
        session.conclude(console, line)
    passed = all(result.outcome is CellOutcome.PASSED for result in measured)
    return 0 if passed and not compared.worse and not any(troubles) else CELLS_FAILED


def _stored(store: Path, result: CellResult, folder: Path) -> str:
    """Store one side; return why that failed, or an empty string."""
    return unexpected.attempted(
        lambda: results.store(store, result, machine.device_name()),
        folder,
        f"storing the result of {result.cell.id}, whose journals are in {folder}",
    )
