"""One cell from environment to result: prepare → probe → run."""

from __future__ import annotations

import time
from dataclasses import replace
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
    here,
    machine,
    scratch,
)
from samcheck.errors import BadInput, BuildFailed, CellError, EnvironmentUnavailable, Misbuilt, Refused
from samcheck.facts import requirements, sam_packages
from samcheck.facts.requirements import Requirements
from samcheck.guest.outcomes import CellOutcome, FailureCause
from samcheck.guest.record import CellResult, Fingerprint
from samcheck.guest.variant_names import FAMILY_VARIANTS
from samcheck.matrix import PlannedCell
from samcheck.run import gpu_check, judge, records, suite_runner, unexpected
from samcheck.run.context import CellRun, Settings, Watcher
from samcheck.sanitize import printable


def run_cell(planned: PlannedCell, settings: Settings, folder: Path, watcher: Watcher) -> CellResult:
    """Run one cell, keeping everything in `folder`; its result has whatever goes wrong.

    On the folder of an interrupted run, continues where that stopped.

    Raises:
        Stopped: the whole run ends.
    """
    cell_run = CellRun(planned, settings, folder, watcher)
    try:
        return _run_cell(cell_run)
    except unexpected.ANY as error:
        return unexpected_result(cell_run, error)


def _run_cell(cell_run: CellRun) -> CellResult:
    """Return a cell's result, with expected errors turned into outcomes."""
    gates = cell_run.settings.gates
    try:
        cell_run.folder.mkdir(parents=True, exist_ok=True)
        scratch.sweep(cell_run.folder)
        pins, place = prepare(cell_run)
        gates.check()
        with gates.run(cell_run.planned.cell.needs_gpu_build) as cell_run.slot:
            return _run_in_place(cell_run, pins, place)
    except Refused as error:  # possibly in the middle of its checks: finished ones are kept
        attempts = records.attempts_in(cell_run.folder)
        return cell_run.result(error.outcome, str(error), attempts, error.cause)
    except CellError as error:
        return cell_run.result(error.outcome, str(error), cause=error.cause)


def unexpected_result(cell_run: CellRun, error: BaseException) -> CellResult:
    """Return the result of a cell in which an unexpected error occurred.

    Includes the finished checks if they are readable: reading them may be the very thing that fails.
    """
    reason = unexpected.describe(error, cell_run.folder, _current_step(cell_run))
    try:
        attempts = records.attempts_in(cell_run.folder)
        return cell_run.result(CellOutcome.NOT_RUN, reason, attempts, FailureCause.UNEXPECTED)
    except unexpected.ANY:
        return cell_run.result(CellOutcome.NOT_RUN, reason, cause=FailureCause.UNEXPECTED)


def _current_step(cell_run: CellRun) -> str:
    """Return the step that the cell was in, or had just finished."""
    step = next(reversed(cell_run.phases), "")
    return f"this cell was in step {step}" if step else "this cell was about to start"


def prepare(cell_run: CellRun) -> tuple[Requirements, Place]:
    """Build the environment of a cell, or find an existing one.

    Raises:
        BuildFailed: the environment cannot be built.
        Refused: the engine failed during the build.
    """
    cell, settings = cell_run.planned.cell, cell_run.settings
    environment = cell_run.environment
    _require_checks_of(cell)
    gpu_check.require_for_package(cell, environment.installs)
    pins = requirements_of(cell, environment)
    with settings.gates.build(), cell_run.phase("prepare"):
        _check_disk(cell, pins, environment)
        place = environment.prepare(cell, pins, cell_run.folder / "build.log")
    cell_run.details |= place.details
    cell_run.secrets |= place.secrets
    if environment.installs:
        cell_run.details |= requirements.backends_of(cell, facts.load(), machine.look())
    return pins, place


def _require_checks_of(cell: Cell) -> None:
    """Require that the suite has variants of the package under test, before its environment is built.

    Raises:
        Refused: it has none.
    """
    name = sam_packages.name_of(cell.sam)
    if name not in FAMILY_VARIANTS:
        known = ", ".join(FAMILY_VARIANTS)
        text = f"samcheck has no checks of the package {name} yet, only of {known}"
        raise Refused(FailureCause.FACTS, text)


def _run_in_place(cell_run: CellRun, pins: Requirements, place: Place) -> CellResult:
    """Run the rest of a cell once its environment is built and a GPU, or the CPU, is free.

    Raises:
        CellError: as `look` does.
    """
    look(cell_run, pins, place)
    with gpu_check.watched(cell_run) as health:
        result = run_checks(cell_run, place)
    return gpu_check.judged(cell_run, result, health)


def run_checks(cell_run: CellRun, place: Place) -> CellResult:
    """Run the suite in a place, its benchmarks in further processes, and what failed once more."""
    gates = cell_run.settings.gates
    builds = gates.builds
    with cell_run.phase("run"):
        attempts = suite_runner.run_with_benchmarks(cell_run, place)
    repeated = suite_runner.run_failed_again(cell_run, place, attempts)
    if gates.builds != builds:  # this matters to latency comparisons
        cell_run.details["beside"] = "other cells were built meanwhile"
    unfinished = not attempts[-1].complete or bool(cell_run.unmeasured) or not repeated
    cell_run.stopped = cell_run.settings.is_late and unfinished
    outcome, reason = judge.judge(attempts, cell_run.checks(attempts), cell_run.stopped)
    return cell_run.result(outcome, reason, attempts)


def look(cell_run: CellRun, pins: Requirements, place: Place) -> None:
    """Record in `cell_run` what is really installed.

    Raises:
        BuildFailed: the probe could not run.
        Misbuilt: the environment is not what the cell declares.
        Refused: the engine would not start it, or the GPU is missing or in use.
    """
    gpu_check.look(cell_run)
    with cell_run.phase("probe"):
        observed = _probe(cell_run, place)
    differences = "; ".join(judge.compare(cell_run.planned.cell, pins, observed))
    if not differences:  # a cell without its GPU is not the CPU's: nothing was observed of what it declares
        gpu_check.require_seen(cell_run, observed)
    cell_run.observed = observed
    if not differences and cell_run.planned.own:
        cell_run.planned = replace(cell_run.planned, cell=found_in(cell_run.planned.cell, observed))
    differences = differences or gpu_check.difference(cell_run, observed)
    if differences:
        raise Misbuilt(differences)
    gpu_check.note_device(cell_run, observed)


def found_in(cell: Cell, observed: Fingerprint) -> Cell:
    """Return the cell of an own environment with what was found in it.

    Raises:
        Misbuilt: a package reports an invalid version.
    """
    try:
        found = here.cell_of("the environment", observed)
    except EnvironmentUnavailable as error:
        raise Misbuilt(error.what) from None
    return replace(found, numpy=observed.numpy or "", own=cell.own)


def requirements_of(cell: Cell, environment: Environment) -> Requirements:
    """Return what the environment will install for a cell, which may be nothing.

    Raises:
        BuildFailed: the facts do not say how to install it.
    """
    if not environment.installs:
        return requirements.NOTHING
    return requirements.resolve(cell, facts.load(), machine.look())


def _check_disk(cell: Cell, pins: Requirements, environment: Environment) -> None:
    need = environment.need(cell, pins).disk_mib
    storage = environment.storage()
    free = machine.free_mib(storage)
    if free < need:
        raise BuildFailed(
            FailureCause.DISK,
            f"needs {need} MiB of disk at {storage}, but {free} MiB are free: free space, for example "
            "with `samcheck clean --environments`, and re-run with --resume",
        )


def _probe(cell_run: CellRun, place: Place) -> Fingerprint:
    """Return what is really installed in the environment.

    Raises:
        BuildFailed: not even that could be determined.
    """
    gates, output = cell_run.settings.gates, cell_run.folder / "probe.log"
    output.unlink(missing_ok=True)
    tested = sam_packages.modules_of(cell_run.planned.cell, facts.load())
    arguments = (LAUNCH, "samcheck.guest.fingerprint", *tested, f"{GIVEN}/{channel.NAME}")
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
