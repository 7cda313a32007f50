"""Two cells measured in turns: both are made, then pairs of fresh processes take turns.

The n-th series of a benchmark on one side and the n-th on the other are of one pair of processes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from samcheck import collect, judging, owned, passes, runner, starting
from samcheck.collect import Attempt
from samcheck.course import Course, Settings, Watcher
from samcheck.environments import WORK, Ended, Place
from samcheck.errors import BuildFailed, Refused
from samcheck.gates import Slot, side_by_side
from samcheck.guest.record import MET, CellResult
from samcheck.interleaving.referee import Referee
from samcheck.matrix import PlannedCell

#: The folders of the two sides.
SIDES = ("base", "new")


@dataclass(frozen=True)
class Meeting:
    """What two cells are measured with.

    Attributes:
        settings: `processes` of them are the pairs of processes.
        folder: for everything that is kept; called again on it, a meeting goes on where it stopped.
        cells: base and new; may be the same.
    """

    settings: Settings
    folder: Path
    cells: tuple[PlannedCell, PlannedCell]


@dataclass
class Side:
    """One of the two."""

    course: Course
    place: Place | None = None
    #: Why it cannot be measured: outcome and reason.
    stopped: tuple[str, str] | None = None
    told: list[str] = field(default_factory=list)

    @property
    def work(self) -> Path:
        return self.course.folder / "work"

    def result(self) -> CellResult:
        if self.told:
            self.course.details["processes"] = "; ".join(self.told)
        attempts = self._attempts()
        outcome, reason = self.stopped or judging.judge(attempts, self.course.checks(attempts))
        return self.course.result(outcome, reason, attempts)

    def _attempts(self) -> list[Attempt]:
        """The first process, to whose benchmarks `Course.checks` adds those of the others."""
        folder = self.course.folder
        if not passes.journal(folder, 1).exists():
            return []
        return [collect.read_attempt(passes.journal(folder, 1), self.first_end, passes.output(folder, 1))]

    @property
    def first_end(self) -> Path:
        return self.course.folder / "ended-1.json"


def made_before(folder: Path) -> bool:
    """Whether a samcheck from before there were marks made the folder of a meeting: by its name and sides."""
    named = re.fullmatch(r"\d{8}-\d{6}-\d+", folder.name) is not None
    return named and all(owned.is_own(folder / side, lambda path: (path / "work").is_dir()) for side in SIDES)


def meet(meeting: Meeting, watchers: tuple[Watcher, Watcher]) -> tuple[CellResult, CellResult]:
    """Measure both; what only concerns one of them is in its result."""
    sides = [Side(_course(meeting, number, watchers[number])) for number in range(len(meeting.cells))]
    for side in sides:
        _prepare(side)
    if any(side.stopped for side in sides):
        for side in sides:
            side.stopped = side.stopped or ("not-run", "the other side could not be measured")
    else:
        _measure(meeting, sides)
    base, new = (side.result() for side in sides)
    return base, new


def _course(meeting: Meeting, number: int, watcher: Watcher) -> Course:
    folder = meeting.folder / SIDES[number]
    (folder / "work").mkdir(parents=True, exist_ok=True)
    course = Course(meeting.cells[number], meeting.settings, folder, watcher)
    course.details[MET] = meeting.folder.name
    gpus = meeting.settings.gates.gpus
    if gpus and course.planned.cell.needs_gpu_build:
        course.slot = Slot(gpus[0])
    return course


def _prepare(side: Side) -> None:
    """Make the place of a side and look at what is in it."""
    course = side.course
    try:
        pins, side.place = runner.prepare(course)
        unlike = runner.look(course, pins, side.place)
        side.stopped = ("misbuilt", unlike) if unlike else None
    except BuildFailed as error:
        side.stopped = ("build-failed", str(error))
    except Refused as error:
        side.stopped = ("refused", str(error))


def _measure(meeting: Meeting, sides: Sequence[Side]) -> None:
    with ExitStack() as stack:
        for side in sides:
            stack.enter_context(side.course.phase("run"))
        for number in range(1, meeting.settings.passes + 1):
            if not all(passes.finished(_journal(side, number)) for side in sides):
                _pair(sides, number)


def _journal(side: Side, number: int) -> Path:
    return passes.journal(side.course.folder, number)


def _pair(sides: Sequence[Side], number: int) -> None:
    """One process of each side; where one ends early, the other goes on alone."""
    gates = sides[0].course.settings.gates
    with Referee([side.work for side in sides], seed=number) as referee:
        steps: list[Callable[[], None]] = [
            partial(_one, side, number, partial(referee.left, index)) for index, side in enumerate(sides)
        ]
        for _ in side_by_side(steps, gates):
            pass
    if number > 1 and not all(passes.finished(_journal(side, number)) for side in sides):
        for side in sides:  # what one of them measured alone is no pair
            _journal(side, number).unlink(missing_ok=True)


def _one(side: Side, number: int, left: Callable[[], None]) -> None:
    assert side.place is not None
    _journal(side, number).unlink(missing_ok=True)
    try:
        ended: Ended = starting.start_pass(side.course, side.place, number, (f"--samcheck-turns={WORK}",))
    except Refused as error:
        side.stopped = ("refused", str(error))
        return
    finally:
        left()
    if number == 1:
        starting.note_end(side.first_end, ended)
    if not passes.finished(_journal(side, number)):
        side.told.append(f"process {number} of the benchmarks ended with {ended}")
