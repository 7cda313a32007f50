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
    Job,
    Place,
    channel,
    fingerprint,
    gpu_errors,
    gpu_processes,
    machine,
    scratch,
)
from samcheck.errors import BadInput, BuildFailed, Refused
from samcheck.facts import requirements
from samcheck.facts.requirements import Requirements
from samcheck.files import printable
from samcheck.guest.record import CellResult, Fingerprint
from samcheck.matrix import PlannedCell
from samcheck.run import judge, records, suite_runner, unexpected
from samcheck.run.context import Course, Settings, Watcher


def run_cell(planned: PlannedCell, settings: Settings, folder: Path, watcher: Watcher) -> CellResult:
    """Run one cell, keeping everything in `folder`; whatever goes wrong is in its result.

    Called again on the folder of an interrupted run it goes on where that stopped.

    Raises:
        Stopped: the whole run ends.
    """
    course = Course(planned, settings, folder, watcher)
    try:
        return _foreseen(course)
    except unexpected.ANY as error:
        return unforeseen(course, error)


def _foreseen(course: Course) -> CellResult:
    """The result of a cell in which nothing goes wrong but what does so now and then."""
    gates = course.settings.gates
    try:
        course.folder.mkdir(parents=True, exist_ok=True)
        scratch.sweep(course.folder)
        pins, place = prepare(course)
        gates.check()
        with gates.run(course.planned.cell.needs_gpu_build) as course.slot:
            return _in_its_place(course, pins, place)
    except BuildFailed as error:
        return course.result("build-failed", str(error))
    except Refused as error:  # also in the middle of its checks: those that are finished are kept
        return course.result("refused", str(error), suite_runner.attempts_in(course.folder))


def unforeseen(course: Course, error: BaseException) -> CellResult:
    """The result of a cell in which something was raised that says nothing of it.

    With the checks that are finished, where those can be read: that may be the very thing that fails.
    """
    reason = unexpected.told(error, course.folder, _doing(course))
    try:
        return course.result("not-run", reason, suite_runner.attempts_in(course.folder))
    except unexpected.ANY:
        return course.result("not-run", reason)


def _doing(course: Course) -> str:
    """The step that the cell was in, or had just ended."""
    step = next(reversed(course.phases), "")
    return f"this cell was in its step {step}" if step else "this cell was about to begin"


def prepare(course: Course) -> tuple[Requirements, Place]:
    """Make the environment of a cell, or find it.

    Raises:
        BuildFailed: that cannot be done.
        Refused: the engine failed under it.
    """
    cell, settings = course.planned.cell, course.settings
    pins = requirements_of(cell, settings.environment)
    with settings.gates.build(), course.phase("prepare"):
        _check_disk(cell, pins, settings.environment)
        place = settings.environment.prepare(cell, pins, course.folder / "build.log")
    course.details |= place.details
    return pins, place


def _in_its_place(course: Course, pins: Requirements, place: Place) -> CellResult:
    """What is left once the environment is made and a GPU, or the CPU, is free for it.

    Raises:
        BuildFailed, Refused: as `look` does.
    """
    gates = course.settings.gates
    unlike = look(course, pins, place)
    if unlike:
        return course.result("misbuilt", unlike)
    builds = gates.builds
    with course.phase("run"):
        attempts = suite_runner.measured(course, place)
    if gates.builds != builds:  # who compares latencies wants to know
        course.details["beside"] = "other cells were built meanwhile"
    if course.settings.late and (not attempts[-1].complete or "processes" in course.details):
        course.details["stopped"] = "by --stop-after"
    outcome, reason = judge.judge(attempts, course.checks(attempts), "stopped" in course.details)
    return course.result(outcome, reason, attempts)


def look(course: Course, pins: Requirements, place: Place) -> str:
    """What is really there, noted in `course`; gives where that is not what the cell declares.

    Raises:
        BuildFailed: the probe could not run.
        Refused: the engine would not start it, or the GPU is not there, or not free.
    """
    _look_at_gpu(course)
    with course.phase("probe"):
        course.observed = _probe(course, place)
    differences = "; ".join(judge.compare(course.planned.cell, pins, course.observed))
    if not differences and course.slot.gpu and course.observed.device != "cuda":
        raise Refused(gpu_errors.lost(course.observed.cuda_unavailable or ""))
    return differences


def _look_at_gpu(course: Course) -> None:
    """Note who else computes on the cell's GPU.

    Raises:
        Refused: somebody does, and the GPU was to be this cell's alone.
    """
    if not course.slot.gpu:
        return
    course.details["gpu"] = course.slot.gpu
    foreign = gpu_processes.on_gpu(course.slot.gpu)
    if foreign:
        course.details["foreign_processes"] = ", ".join(foreign)
        if course.settings.gates.exclusive:
            raise Refused(
                f"GPU {course.slot.gpu} is used by {', '.join(foreign)}: end them, take another with --gpus, "
                "or leave out --exclusive"
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
            f"needs {need} MiB of disk at {storage}, {free} MiB are free: free space, for example "
            "with `samcheck clean --environments`, and run again with --resume"
        )


def _probe(course: Course, place: Place) -> Fingerprint:
    """What the environment really holds.

    Raises:
        BuildFailed: not even that could be found out.
    """
    gates, output = course.settings.gates, course.folder / "probe.log"
    output.unlink(missing_ok=True)
    arguments = (LAUNCH, "samcheck.guest.fingerprint", f"{GIVEN}/{channel.NAME}")
    end = time.monotonic() + course.settings.check_timeout  # an import can hang
    said: list[bytes] = []

    def alive() -> bool:
        gates.check()
        return time.monotonic() < end

    with (
        scratch.given(course.folder) as given,
        scratch.work(course.folder) as work,
        channel.Channel(given, said.append),
    ):
        ended = place.run(Job(arguments, given, work, output, alive, course.slot.gpu))
    gates.check()
    try:
        return fingerprint.as_fingerprint(said[0] if said else b"")
    except BadInput as error:
        last = records.tail(output).strip().splitlines()
        reason = last[-1] if last and not said else str(error)
        raise BuildFailed(f"the probe ended with {ended}: {printable(reason)}") from None
