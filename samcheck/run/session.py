"""A whole run, as the list of its steps: plan, announce, run each cell, store, tabulate, exit code."""

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
from samcheck.environments import Environment, here, machine, venv
from samcheck.errors import CELLS_FAILED, BuildFailed
from samcheck.facts import requirements
from samcheck.guest.outcomes import CellOutcome, FailureCause
from samcheck.guest.record import CellResult, Fingerprint, restriction, result_name
from samcheck.matrix import LeftOut, Plan, PlannedCell
from samcheck.run import cell_runner, unexpected
from samcheck.run import progress as display
from samcheck.run.context import CellRun, Settings
from samcheck.run.scheduler import side_by_side
from samcheck.sanitize import visible
from samcheck.storage import results
from samcheck.storage.runs import RunManifest, note_run, open_folder


def plan_here(plan: Plan, python: str, seen: Fingerprint) -> Plan:
    """The plan for the interpreter at hand: the one cell that it is."""
    cell = here.cell_of(python, seen)
    mine = next((planned for planned in plan.cells if planned.cell == cell), PlannedCell(cell))
    others = [LeftOut(planned.cell.id, f"{python} is {cell.id}") for planned in plan.cells if planned != mine]
    return replace(plan, cells=(mine,), left_out=(*plan.left_out, *others))


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def announce(console: Console, plan: Plan, settings: Settings, folder: Path) -> None:
    """Say what will happen before it does: where, why there, which cells, how much disk.

    Nothing ends because it cannot be told: a cell in which something is wrong says so in its own row.
    """
    environment = settings.environment
    only = restriction(settings.variants, settings.groups)
    tier = f"{settings.tier}, only {only}" if only else settings.tier
    _say(console, f"matrix {plan.name}: {len(plan.cells)} cells, tier {tier}, run {folder.name}")
    _say(console, f"environment: {environment.kind}, because: {visible(settings.why)}")
    download = disk = 0
    for planned in plan.cells:
        try:
            need = environment.need(planned.cell, cell_runner.requirements_of(planned.cell, environment))
        except BuildFailed:
            continue  # the cell's own row will say so
        except unexpected.ANY as error:
            _say(console, f"  {planned.cell.id}: what it needs cannot be told: {visible(str(error))}")
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
    _say(
        console,
        f"downloads up to {download / 1024:.1f} GiB (less what the wheel cache holds) and needs up to "
        f"{disk / 1024:.1f} GiB of disk{_free(environment)}",
    )


def _free(environment: Environment) -> str:
    """Where the disk is that cells need, and how much of it is free."""
    try:
        storage = environment.storage()
        return f" at {storage}; {machine.free_mib(storage) / 1024:.1f} GiB are free"
    except unexpected.ANY as error:
        return f"; how much is free cannot be told: {visible(str(error))}"


@dataclass(frozen=True)
class FinishedCell:
    """What became of a cell, and a sentence for each place where its result could not be written."""

    result: CellResult
    troubles: tuple[str, ...] = ()


def run(console: Console, plan: Plan, settings: Settings, resume: bool, store: Path) -> int:
    """Run every cell of `plan`, store its result at once, tabulate; returns the exit code.

    What goes wrong in a cell is that cell's; what cannot be stored or tabulated is said at the end.
    """
    manifest = RunManifest(
        plan.name,
        settings.environment.kind,
        settings.tier,
        settings.variants,
        settings.version,
        tuple(planned.cell.id for planned in plan.cells),
        groups=settings.groups,
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
        doing = "the run was to be noted as finished"
        troubles += _attempted(lambda: note_run(folder, replace(manifest, finished=True)), folder, doing)
    for trouble in troubles:
        conclude(console, trouble)
    fine = not troubles and all(cell.result.outcome is CellOutcome.PASSED for cell in finished)
    return 0 if fine else CELLS_FAILED


def conclude(console: Console, text: str) -> None:
    """Say something at the end of a run that must be heard, on whichever stream works."""
    _say(console, text)
    streams.remember(text)


def _attempted(step: Callable[[], object], folder: Path, doing: str) -> Iterator[str]:
    """Do it; nothing if that worked, else the sentence why not."""
    trouble = unexpected.attempted(step, folder, doing)
    if trouble:
        yield trouble


def _tabulated(console: Console, store: Path, left_out: Sequence[LeftOut], folder: Path) -> Iterator[str]:
    """Write the table, and say where it is."""

    def write() -> None:
        conclude(console, f"table: {report.write(store, left_out)}")

    yield from _attempted(write, folder, "the table was to be written, which `samcheck table` does as well")


def _result_name(planned: PlannedCell, settings: Settings) -> str:
    """What the result of a cell will be called."""
    return result_name(planned.cell.id, settings.variants, settings.groups)


def _run_cells(
    plan: Plan, settings: Settings, folder: Path, store: Path, run_display: display.Display
) -> tuple[list[FinishedCell], list[LeftOut]]:
    """Every cell, side by side as the gates allow; then spare ones while too few could be built.

    Also gives those that were not needed.
    """

    def run_all(*cells: PlannedCell) -> list[FinishedCell]:
        steps = [partial(_run_cell, planned, settings, folder, store, run_display) for planned in cells]
        with closing(side_by_side(steps, settings.gates)) as ending:  # whoever interrupts this waits for it
            return list(ending)

    finished = run_all(*(planned for planned in plan.cells if not planned.spare))
    spared = []
    for planned in plan.cells:
        built = sum(cell.result.outcome.was_built for cell in finished)
        if planned.spare and built >= plan.wanted:
            spared.append(LeftOut(planned.cell.id, f"spare: {built} other cells could be built"))
        elif planned.spare:
            finished += run_all(planned)
    return finished, spared


def _run_cell(
    planned: PlannedCell, settings: Settings, folder: Path, store: Path, run_display: display.Display
) -> FinishedCell:
    """One cell: run it, unless an earlier start of this run has; its result is stored at once."""
    settings.gates.check()
    cell_display = run_display.cell(planned.cell.id)
    cell_folder = folder / planned.cell.id
    path = cell_folder / "result.json"
    result = _stored_result(path, planned, settings)
    troubles: list[str] = []
    if result is None or _is_resumed(result):
        result = cell_runner.run_cell(planned, settings, cell_folder, cell_display)
        result = _storable(result, CellRun(planned, settings, cell_folder, cell_display))
        settings.gates.check()  # what an interruption did to a cell is not its result
        content = results.to_json(result)
        doing = f"the result of {planned.cell.id} was to be kept in the folder of the run"
        troubles += _attempted(lambda: files.write_atomically(path, content), cell_folder, doing)
    where = f"whose journals are in {cell_folder}" if troubles else f"which is kept in {path}"
    doing = f"the result of {planned.cell.id}, {where}, was to be stored"
    troubles += _attempted(lambda: results.store(store, result, machine.device_name()), cell_folder, doing)
    doing = f"the end of {planned.cell.id} was to be shown"
    troubles += _attempted(lambda: cell_display.finished(result), cell_folder, doing)
    return FinishedCell(result, tuple(troubles))


def _storable(result: CellResult, cell_run: CellRun) -> CellResult:
    """The result, or one that says why that one cannot be a JSON file."""
    try:
        results.to_json(result)
        return result
    except unexpected.ANY as error:
        reason = unexpected.describe(error, cell_run.folder, "its result was made a JSON file")
        return cell_run.result(CellOutcome.NOT_RUN, reason, cause=FailureCause.UNEXPECTED)


def _is_resumed(result: CellResult) -> bool:
    """Whether --resume goes on with a cell that has a result."""
    return result.outcome.is_retried or result.stopped


def _stored_result(path: Path, planned: PlannedCell, settings: Settings) -> CellResult | None:
    """The result of an earlier start; None if there is none, or it is damaged: its journals are there.

    One of another cell says nothing of this one, wherever it lies.
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
        BuildFailed: the environment could not be made.
    """
    cell = plan.cells[0].cell
    pins = requirements.resolve(cell, facts.load())
    folder = paths.home()
    folder.mkdir(parents=True, exist_ok=True)
    place = venv.Venv().prepare(cell, pins, folder / "build.log")
    source = paths.source()
    environment = dict(os.environ, PYTHONPATH=str(source))
    command = [place.python, "-m", "pytest", str(source / "tests" / "suite"), "-m", "fast", *arguments]
    return subprocess.run(command, env=environment, check=False).returncode
