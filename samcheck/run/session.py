"""A whole run, step by step: plan, announce, run each cell, store, tabulate, exit code."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rich.console import Console

from samcheck import facts, files, paths, report, streams
from samcheck.environments import Environment, here, machine, own_variant, venv
from samcheck.errors import CELLS_FAILED, BuildFailed
from samcheck.facts import requirements
from samcheck.guest.outcomes import CellOutcome, FailureCause
from samcheck.guest.record import CellResult, Fingerprint, restriction, result_name
from samcheck.matrix import LeftOut, Plan, PlannedCell
from samcheck.run import cell_runner, unexpected
from samcheck.run import progress as display
from samcheck.run.context import CellRun, Settings, environment_of
from samcheck.run.scheduler import side_by_side
from samcheck.sanitize import visible
from samcheck.storage import results
from samcheck.storage.runs import RunManifest, note_run, open_folder


def plan_here(plan: Plan, python: str, seen: Fingerprint) -> Plan:
    """Reduce a plan to the one cell that the given interpreter matches."""
    cell = here.cell_of(python, seen)
    mine = next((planned for planned in plan.cells if planned.cell == cell), PlannedCell(cell))
    others = [LeftOut(planned.cell.id, f"{python} is {cell.id}") for planned in plan.cells if planned != mine]
    return replace(plan, cells=(mine,), left_out=(*plan.left_out, *others))


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def announce(console: Console, plan: Plan, settings: Settings, folder: Path) -> None:
    """Print what will happen: where, why there, which cells, how much disk.

    Errors do not end the run here: a cell with a problem reports it in its own row.
    """
    environment = settings.environment
    only = restriction(settings.variants, settings.groups)
    tier = f"{settings.tier}, only {only}" if only else settings.tier
    _say(console, f"matrix {plan.name}: {_cells(len(plan.cells))}, tier {tier}, run {folder.name}")
    _say(console, f"environment: {environment.kind}, because: {visible(settings.why)}")
    for variant in settings.own_variants:
        _say(console, f"  variant {variant.name}: {visible(variant.title)}")
    download = disk = 0
    for planned in plan.cells:
        try:
            its = environment_of(planned, settings)
            need = its.need(planned.cell, cell_runner.requirements_of(planned.cell, its))
        except BuildFailed:
            continue  # the cell's own row will report it
        except unexpected.ANY as error:
            _say(console, f"  {planned.cell.id}: unknown requirements: {visible(str(error))}")
            continue
        if not planned.spare:
            download, disk = download + need.download_mib, disk + need.disk_mib
        state = "ready" if need.reused else f"up to {need.disk_mib / 1024:.1f} GiB on disk"
        if planned.spare:
            state += f", only if fewer than {plan.wanted} others can be built"
        _say(console, f"  {planned.cell.id}: {state}")
    for left in plan.left_out:
        _say(console, f"  {left.id}: left out: {visible(left.reason)}")
    for note in plan.notes:
        _say(console, f"  note: {visible(note)}")
    if environment.installs:
        _say(
            console,
            f"downloads up to {download / 1024:.1f} GiB (less what the wheel cache holds) and needs up to "
            f"{disk / 1024:.1f} GiB of disk{_free(environment)}",
        )


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"


def _free(environment: Environment) -> str:
    """Return where cells need disk space, and how much is free there."""
    try:
        storage = environment.storage()
        return f" at {storage}; {machine.free_mib(storage) / 1024:.1f} GiB are free"
    except unexpected.ANY as error:
        return f"; free space unknown: {visible(str(error))}"


@dataclass(frozen=True)
class FinishedCell:
    """A cell's result, and a sentence for each place where it could not be written."""

    result: CellResult
    troubles: tuple[str, ...] = ()


def run(console: Console, plan: Plan, settings: Settings, resume: bool, store: Path) -> int:
    """Run every cell of `plan`, store its result at once, write the table; return the exit code.

    An error in a cell affects only that cell; failures to store or tabulate are reported at the end.
    """
    manifest = RunManifest(
        plan.name,
        settings.environment.kind,
        settings.tier,
        settings.variants,
        settings.version,
        tuple(planned.cell.id for planned in plan.cells),
        groups=settings.groups,
        own_variants=own_variant.contents(settings.own_variants),
    )
    report.require_own(store)
    results.require_writable(
        store, machine.device_name(), [_result_name(planned, settings) for planned in plan.cells]
    )
    folder = open_folder(manifest, resume)
    streams.outlive()
    announce(console, plan, settings, folder)
    with files.locked(folder, wait=False), display.display(console, len(plan.cells)) as run_display:
        finished, spared = _run_cells(plan, settings, folder, store, run_display)
    troubles = [trouble for cell in finished for trouble in cell.troubles]
    troubles += _tabulated(console, store, (*plan.left_out, *spared), folder)
    if not troubles and not any(_is_resumed(cell.result) for cell in finished):
        doing = "marking the run as finished"
        troubles += _attempted(lambda: note_run(folder, replace(manifest, finished=True)), folder, doing)
    for trouble in troubles:
        conclude(console, trouble)
    fine = not troubles and all(cell.result.outcome is CellOutcome.PASSED for cell in finished)
    return 0 if fine else CELLS_FAILED


def conclude(console: Console, text: str) -> None:
    """Print something at the end of a run that must not get lost, on whichever stream works."""
    _say(console, text)
    streams.remember(text)


def _attempted(step: Callable[[], object], folder: Path, doing: str) -> Iterator[str]:
    """Do a step; yield why it failed, if it did."""
    trouble = unexpected.attempted(step, folder, doing)
    if trouble:
        yield trouble


def _tabulated(console: Console, store: Path, left_out: Sequence[LeftOut], folder: Path) -> Iterator[str]:
    """Write the table, and print where it is."""

    def write() -> None:
        conclude(console, f"table: {report.write(store, left_out)}")

    yield from _attempted(write, folder, "writing the table, which `samcheck table` does as well")


def _result_name(planned: PlannedCell, settings: Settings) -> str:
    """Return the name of a cell's result."""
    return result_name(planned.cell.id, settings.variants, settings.groups)


def _run_cells(
    plan: Plan, settings: Settings, folder: Path, store: Path, run_display: display.Display
) -> tuple[list[FinishedCell], list[LeftOut]]:
    """Run every cell, side by side as the gates allow; then spare ones while too few could be built.

    Also returns the spare ones that were not needed.
    """

    def run_all(*cells: PlannedCell) -> list[FinishedCell]:
        steps = [partial(_run_cell, planned, settings, folder, store, run_display) for planned in cells]
        with closing(side_by_side(steps, settings.gates)) as ending:  # an interruption waits for it
            return list(ending)

    finished = run_all(*(planned for planned in plan.cells if not planned.spare))
    spared = []
    for planned in plan.cells:
        built = sum(cell.result.outcome.was_built for cell in finished)
        if planned.spare and built >= plan.wanted:
            spared.append(LeftOut(planned.cell.id, f"spare, not needed: {_cells(built)} could be built"))
        elif planned.spare:
            finished += run_all(planned)
    return finished, spared


def _run_cell(
    planned: PlannedCell, settings: Settings, folder: Path, store: Path, run_display: display.Display
) -> FinishedCell:
    """Run one cell, unless an earlier start of this run has, and store its result at once."""
    settings.gates.check()
    cell_display = run_display.cell(planned.cell.id)
    cell_folder = folder / planned.cell.id
    path = cell_folder / "result.json"
    result = _stored_result(path, planned, settings)
    troubles: list[str] = []
    if result is None or _is_resumed(result):
        result = cell_runner.run_cell(planned, settings, cell_folder, cell_display)
        result = _storable(result, CellRun(planned, settings, cell_folder, cell_display))
        settings.gates.check()  # the effect of an interruption on a cell is not its result
        content = results.to_json(result)
        doing = f"keeping the result of {planned.cell.id} in the folder of the run"
        troubles += _attempted(lambda: files.write_atomically(path, content), cell_folder, doing)
    where = f"whose journals are in {cell_folder}" if troubles else f"which is kept in {path}"
    doing = f"storing the result of {planned.cell.id}, {where}"
    troubles += _attempted(lambda: results.store(store, result, machine.device_name()), cell_folder, doing)
    doing = f"showing the end of {planned.cell.id}"
    troubles += _attempted(lambda: cell_display.finished(result), cell_folder, doing)
    return FinishedCell(result, tuple(troubles))


def _storable(result: CellResult, cell_run: CellRun) -> CellResult:
    """Return the result, or one that says why it cannot be written as JSON."""
    try:
        results.to_json(result)
        return result
    except unexpected.ANY as error:
        reason = unexpected.describe(error, cell_run.folder, "converting its result to JSON")
        return cell_run.result(CellOutcome.NOT_RUN, reason, cause=FailureCause.UNEXPECTED)


def _is_resumed(result: CellResult) -> bool:
    """Return whether --resume continues a cell that has a result."""
    return result.outcome.is_retried or result.stopped


def _stored_result(path: Path, planned: PlannedCell, settings: Settings) -> CellResult | None:
    """Return the result of an earlier start; None if there is none or it is damaged: the journals remain.

    Ignores a result of another cell in this one's folder.
    """
    try:
        result = results.read(path)
    except unexpected.ANY:
        return None
    return result if result.name == _result_name(planned, settings) else None


def fast(arguments: tuple[str, ...], plan: Plan) -> int:
    """Run ``pytest -m fast`` as on a laptop, in a virtual environment of the plan's first cell.

    Returns pytest's exit status.

    Raises:
        BuildFailed: the environment could not be built.
    """
    cell = plan.cells[0].cell
    pins = requirements.resolve(cell, facts.load(), machine.look())
    folder = paths.home()
    folder.mkdir(parents=True, exist_ok=True)
    place = venv.Venv().prepare(cell, pins, folder / "build.log")
    source = paths.source()
    environment = dict(os.environ, PYTHONPATH=str(source))
    command = [place.python, "-m", "pytest", str(source / "tests" / "suite"), "-m", "fast", *arguments]
    return subprocess.run(command, env=environment, check=False).returncode
