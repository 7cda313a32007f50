"""Two cells measured in turns: both are built, then pairs of fresh processes take turns.

The n-th series of a benchmark on each side come from one pair of processes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from samcheck.analysis.interleave.turn_server import TurnServer
from samcheck.environments import GIVEN, Ended, Place, gpu_health, scratch
from samcheck.errors import CellError
from samcheck.guest.outcomes import CellOutcome, FailureCause
from samcheck.guest.record import CellResult
from samcheck.matrix import PlannedCell
from samcheck.run import cell_runner, gpu_check, judge, records, repetitions, suite_runner, unexpected
from samcheck.run.context import CellRun, Settings, Watcher
from samcheck.run.records import Attempt
from samcheck.run.scheduler import Slot, side_by_side
from samcheck.storage.runs import SIDES


@dataclass(frozen=True)
class PairedRun:
    """The settings of a paired run.

    Attributes:
        settings: its `processes` is the number of process pairs.
        folder: for all files that are kept; a second call on it continues the run.
        cells: base and new; may be the same.
    """

    settings: Settings
    folder: Path
    cells: tuple[PlannedCell, PlannedCell]


@dataclass(frozen=True)
class SideFailure:
    """Why a side could not be measured, as recorded in its result."""

    outcome: CellOutcome
    reason: str
    cause: FailureCause


@dataclass
class Side:
    """One of the two sides."""

    cell_run: CellRun
    place: Place | None = None
    #: Why it cannot be measured.
    failure: SideFailure | None = None

    def note_unexpected(self, error: BaseException, doing: str) -> None:
        """Record an unexpected error that prevents measuring this side."""
        reason = unexpected.describe(error, self.cell_run.folder, doing)
        self.failure = self.failure or SideFailure(CellOutcome.NOT_RUN, reason, FailureCause.UNEXPECTED)

    def result(self) -> CellResult:
        """Return its result; if its records cannot be read, one that says why."""
        try:
            return self._result()
        except unexpected.ANY as error:
            self.note_unexpected(error, "reading its measurements")
            assert self.failure is not None
            return self._failed(self.failure, [])

    def _result(self) -> CellResult:
        attempts = self._attempts()
        if self.failure:
            return self._failed(self.failure, attempts)
        outcome, reason = judge.judge(attempts, self.cell_run.checks(attempts))
        return self.cell_run.result(outcome, reason, attempts)

    def _failed(self, failure: SideFailure, attempts: list[Attempt]) -> CellResult:
        return self.cell_run.result(failure.outcome, failure.reason, attempts, failure.cause)

    def _attempts(self) -> list[Attempt]:
        """Return the first process; `CellRun.checks` adds the benchmarks of the others to it."""
        folder = self.cell_run.folder
        if not repetitions.journal(folder, 1).exists():
            return []
        return [
            records.read_attempt(
                repetitions.journal(folder, 1), self.first_end, repetitions.output(folder, 1)
            )
        ]

    @property
    def first_end(self) -> Path:
        return self.cell_run.folder / "ended-1.json"


def run_in_turns(paired_run: PairedRun, watchers: tuple[Watcher, Watcher]) -> tuple[CellResult, CellResult]:
    """Measure both; errors of one side only are in its own result."""
    sides = [Side(_cell_run(paired_run, number, watchers[number])) for number in range(len(paired_run.cells))]
    for side in sides:
        _prepare(side)
    if any(side.failure for side in sides):
        reason = "the other side could not be measured"
        for side in sides:
            side.failure = side.failure or SideFailure(CellOutcome.NOT_RUN, reason, FailureCause.OTHER_SIDE)
        health = gpu_health.Health()
    else:
        health = _measure_watched(paired_run, sides)
    base, new = (gpu_check.judged(side.cell_run, side.result(), health) for side in sides)
    return base, new


def _cell_run(paired_run: PairedRun, number: int, watcher: Watcher) -> CellRun:
    folder = paired_run.folder / SIDES[number]
    cell_run = CellRun(paired_run.cells[number], paired_run.settings, folder, watcher)
    cell_run.turns = paired_run.folder.name
    gpus = paired_run.settings.gates.gpus
    if gpus and cell_run.planned.cell.needs_gpu_build:
        cell_run.slot = Slot(gpus[0])
    return cell_run


def _prepare(side: Side) -> None:
    """Prepare a side's environment and probe it."""
    cell_run = side.cell_run
    try:
        cell_run.folder.mkdir(parents=True, exist_ok=True)
        scratch.sweep(cell_run.folder)
        pins, side.place = cell_runner.prepare(cell_run)
        cell_runner.look(cell_run, pins, side.place)
    except CellError as error:
        side.failure = SideFailure(error.outcome, str(error), error.cause)
    except unexpected.ANY as error:
        side.note_unexpected(error, "preparing and probing it")


def _measure_watched(paired_run: PairedRun, sides: Sequence[Side]) -> gpu_health.Health:
    """Measure both, and return what happened to their GPU meanwhile."""
    with gpu_check.watched(*(side.cell_run for side in sides)) as health:
        try:
            _measure(paired_run, sides)
        except unexpected.ANY as error:  # errors of one side only are recorded there by now
            for side in sides:
                side.note_unexpected(error, "measuring both in turns")
    return health


def _measure(paired_run: PairedRun, sides: Sequence[Side]) -> None:
    with ExitStack() as stack:
        for side in sides:
            stack.enter_context(side.cell_run.phase("run"))
        for number in range(1, paired_run.settings.passes + 1):
            if not all(repetitions.finished(_journal(side, number)) for side in sides):
                _pair(sides, number)


def _journal(side: Side, number: int) -> Path:
    return repetitions.journal(side.cell_run.folder, number)


def _pair(sides: Sequence[Side], number: int) -> None:
    """Run one process of each side; if one ends early, the other continues alone."""
    gates = sides[0].cell_run.settings.gates
    with ExitStack() as stack:
        given = [stack.enter_context(scratch.given(side.cell_run.folder)) for side in sides]
        turn_server = stack.enter_context(TurnServer(given, seed=number))
        steps: list[Callable[[], None]] = [
            partial(_attempt_process, side, number, given[index], partial(turn_server.left, index))
            for index, side in enumerate(sides)
        ]
        with closing(side_by_side(steps, gates)) as ending:
            for _ in ending:
                pass
    if number > 1 and not all(repetitions.finished(_journal(side, number)) for side in sides):
        for side in sides:  # measurements of one alone are not a pair
            _journal(side, number).unlink(missing_ok=True)


def _attempt_process(side: Side, number: int, given: Path, leave_turns: Callable[[], None]) -> None:
    """Run one process of one side; `leave_turns` tells the turn server that it takes no more turns."""
    try:
        _run_process(side, number, given, leave_turns)
    except CellError as error:
        side.failure = SideFailure(error.outcome, str(error), error.cause)
    except unexpected.ANY as error:
        side.note_unexpected(error, f"running process {number} of the benchmarks")


def _run_process(side: Side, number: int, given: Path, leave_turns: Callable[[], None]) -> None:
    assert side.place is not None
    started, turns = time.monotonic(), (f"--samcheck-turns={GIVEN}",)
    try:
        _journal(side, number).unlink(missing_ok=True)
        ended: Ended = suite_runner.start_pass(side.cell_run, side.place, number, given, turns)
    finally:
        leave_turns()
    if number == 1:
        suite_runner.note_end(side.first_end, ended, round(time.monotonic() - started, 3))
    if not repetitions.finished(_journal(side, number)):
        side.cell_run.unmeasured.append(f"process {number} of the benchmarks ended with {ended}")
