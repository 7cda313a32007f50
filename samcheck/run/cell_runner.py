"""One cell from environment to result: prepare → probe → run."""

from __future__ import annotations

import time
from pathlib import Path

from samcheck import facts
from samcheck.cells import Cell
from samcheck.environments import (
    GIVEN,
    LAUNCH,
    Environment,
    GuestJob,
    Place,
    channel,
    fingerprint_reader,
    gpu_errors,
    gpu_processes,
    machine,
    scratch,
)
from samcheck.errors import BadInput, BuildFailed, CellError, Misbuilt, Refused
from samcheck.facts import requirements
from samcheck.facts.requirements import Requirements
from samcheck.guest.outcomes import CellOutcome, FailureCause
from samcheck.guest.record import CellResult, Fingerprint
from samcheck.matrix import PlannedCell
from samcheck.run import judge, records, suite_runner, unexpected
from samcheck.run.context import CellRun, Settings, Watcher
from samcheck.sanitize import printable


def run_cell(planned: PlannedCell, settings: Settings, folder: Path, watcher: Watcher) -> CellResult:
    """Run one cell, keeping everything in `folder`; whatever goes wrong is in its result.

    Called again on the folder of an interrupted run it goes on where that stopped.

    Raises:
        Stopped: the whole run ends.
    """
    cell_run = CellRun(planned, settings, folder, watcher)
    try:
        return _run_cell(cell_run)
    except unexpected.ANY as error:
        return unexpected_result(cell_run, error)


def _run_cell(cell_run: CellRun) -> CellResult:
    """The result of a cell in which nothing goes wrong but what does so now and then."""
    gates = cell_run.settings.gates
    try:
        cell_run.folder.mkdir(parents=True, exist_ok=True)
        scratch.sweep(cell_run.folder)
        pins, place = prepare(cell_run)
        gates.check()
        with gates.run(cell_run.planned.cell.needs_gpu_build) as cell_run.slot:
            return _run_in_place(cell_run, pins, place)
    except Refused as error:  # also in the middle of its checks: those that are finished are kept
        attempts = suite_runner.attempts_in(cell_run.folder)
        return cell_run.result(error.outcome, str(error), attempts, error.cause)
    except CellError as error:
        return cell_run.result(error.outcome, str(error), cause=error.cause)


def unexpected_result(cell_run: CellRun, error: BaseException) -> CellResult:
    """The result of a cell in which something was raised that says nothing of it.

    With the checks that are finished, where those can be read: that may be the very thing that fails.
    """
    reason = unexpected.describe(error, cell_run.folder, _current_step(cell_run))
    try:
        attempts = suite_runner.attempts_in(cell_run.folder)
        return cell_run.result(CellOutcome.NOT_RUN, reason, attempts, FailureCause.UNEXPECTED)
    except unexpected.ANY:
        return cell_run.result(CellOutcome.NOT_RUN, reason, cause=FailureCause.UNEXPECTED)


def _current_step(cell_run: CellRun) -> str:
    """The step that the cell was in, or had just ended."""
    step = next(reversed(cell_run.phases), "")
    return f"this cell was in its step {step}" if step else "this cell was about to begin"


def prepare(cell_run: CellRun) -> tuple[Requirements, Place]:
    """Make the environment of a cell, or find it.

    Raises:
        BuildFailed: that cannot be done.
        Refused: the engine failed under it.
    """
    cell, settings = cell_run.planned.cell, cell_run.settings
    pins = requirements_of(cell, settings.environment)
    with settings.gates.build(), cell_run.phase("prepare"):
        _check_disk(cell, pins, settings.environment)
        place = settings.environment.prepare(cell, pins, cell_run.folder / "build.log")
    cell_run.details |= place.details
    return pins, place


def _run_in_place(cell_run: CellRun, pins: Requirements, place: Place) -> CellResult:
    """What is left once the environment is made and a GPU, or the CPU, is free for it.

    Raises:
        CellError: as `look` does.
    """
    gates = cell_run.settings.gates
    look(cell_run, pins, place)
    builds = gates.builds
    with cell_run.phase("run"):
        attempts = suite_runner.run_with_benchmarks(cell_run, place)
    if gates.builds != builds:  # who compares latencies wants to know
        cell_run.details["beside"] = "other cells were built meanwhile"
    unfinished = not attempts[-1].complete or bool(cell_run.unmeasured)
    cell_run.stopped = cell_run.settings.is_late and unfinished
    outcome, reason = judge.judge(attempts, cell_run.checks(attempts), cell_run.stopped)
    return cell_run.result(outcome, reason, attempts)


def look(cell_run: CellRun, pins: Requirements, place: Place) -> None:
    """Note in `cell_run` what is really there.

    Raises:
        BuildFailed: the probe could not run.
        Misbuilt: it is not what the cell declares.
        Refused: the engine would not start it, or the GPU is not there, or not free.
    """
    _look_at_gpu(cell_run)
    with cell_run.phase("probe"):
        cell_run.observed = _probe(cell_run, place)
    differences = "; ".join(judge.compare(cell_run.planned.cell, pins, cell_run.observed))
    if differences:
        raise Misbuilt(differences)
    if cell_run.slot.gpu and cell_run.observed.device != "cuda":
        loss = gpu_errors.lost(cell_run.observed.cuda_unavailable or "")
        raise Refused(loss.cause, loss.sentence)


def _look_at_gpu(cell_run: CellRun) -> None:
    """Note who else computes on the cell's GPU.

    Raises:
        Refused: somebody does, and the GPU was to be this cell's alone.
    """
    if not cell_run.slot.gpu:
        return
    cell_run.details["gpu"] = cell_run.slot.gpu
    foreign = gpu_processes.on_gpu(cell_run.slot.gpu)
    if foreign:
        cell_run.details["foreign_processes"] = ", ".join(foreign)
        if cell_run.settings.gates.exclusive:
            raise Refused(
                FailureCause.GPU,
                f"GPU {cell_run.slot.gpu} is used by {', '.join(foreign)}: end them, take another with "
                "--gpus, or leave out --exclusive",
            )


def requirements_of(cell: Cell, environment: Environment) -> Requirements:
    """What the environment will install for a cell: nothing where it installs nothing.

    Raises:
        BuildFailed: the facts do not know how.
    """
    return requirements.resolve(cell, facts.load()) if environment.installs else requirements.NOTHING


def _check_disk(cell: Cell, pins: Requirements, environment: Environment) -> None:
    need = environment.need(cell, pins).disk_mib
    storage = environment.storage()
    free = machine.free_mib(storage)
    if free < need:
        raise BuildFailed(
            FailureCause.DISK,
            f"needs {need} MiB of disk at {storage}, {free} MiB are free: free space, for example "
            "with `samcheck clean --environments`, and run again with --resume",
        )


def _probe(cell_run: CellRun, place: Place) -> Fingerprint:
    """What the environment really holds.

    Raises:
        BuildFailed: not even that could be found out.
    """
    gates, output = cell_run.settings.gates, cell_run.folder / "probe.log"
    output.unlink(missing_ok=True)
    arguments = (LAUNCH, "samcheck.guest.fingerprint", f"{GIVEN}/{channel.NAME}")
    end = time.monotonic() + cell_run.settings.check_timeout  # an import can hang
    lines: list[bytes] = []

    def alive() -> bool:
        gates.check()
        return time.monotonic() < end

    with (
        scratch.given(cell_run.folder) as given,
        scratch.work(cell_run.folder) as work,
        channel.Channel(given, lines.append),
    ):
        ended = place.run(GuestJob(arguments, given, work, output, alive, cell_run.slot.gpu))
    gates.check()
    try:
        return fingerprint_reader.as_fingerprint(lines[0] if lines else b"")
    except BadInput as error:
        last = records.tail(output).strip().splitlines()
        reason = last[-1] if last and not lines else str(error)
        text = f"the probe ended with {ended}: {printable(reason)}"
        raise BuildFailed(FailureCause.PROBE, text) from None
