"""One cell from environment to result: prepare → probe → run, resumed behind every crash."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import samcheck
from samcheck import collect, facts, judging, machine, neighbours, passes, requirements, results, suite
from samcheck.cells import Cell
from samcheck.collect import Attempt
from samcheck.environments import WORK, Ended, Environment, Job, Place, gpu_access
from samcheck.errors import BadInput, BuildFailed, Refused
from samcheck.gates import ON_CPU, Gates, Slot
from samcheck.guest.record import (
    SCHEMA_VERSION,
    CellResult,
    CheckResult,
    EnvironmentRecord,
    Fingerprint,
)
from samcheck.matrix import PlannedCell
from samcheck.requirements import Requirements

#: A cell whose guest dies more often than this is given up; the rest of its checks are not-run.
MAXIMUM_DEATHS = 10


class Watcher(Protocol):
    """Who is told how a cell gets on."""

    def phase(self, name: str) -> None: ...

    def checks(self, done: int, total: int, current: str) -> None: ...


@dataclass(frozen=True)
class Settings:
    """What is the same for all cells of a run.

    Attributes:
        why: why this kind of environment was chosen, for the table.
        check_timeout: seconds after which a check is stopped.
        version: of samcheck, with the commit where that is known.
        variants: names; empty for all that the tier has.
        suite: folder of the checks, as the guest sees it.
        processes: that measure each benchmark; 0 for what the tier has.
        gates: what the cells of the run share: who may build, who may run, and whether all shall end.
        only: the checks to run, by their node ids; empty for all of the tier.
    """

    tier: str
    environment: Environment
    why: str
    check_timeout: float
    variants: tuple[str, ...] = ()
    suite: str = suite.SUITE
    version: str = samcheck.__version__
    gates: Gates = field(default_factory=Gates)
    only: tuple[str, ...] = ()
    processes: int = 0

    @property
    def passes(self) -> int:
        return self.processes or passes.PROCESSES[self.tier]


def now() -> str:
    """The time, as results have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass
class Course:
    """What is known of a cell while it runs."""

    planned: PlannedCell
    settings: Settings
    folder: Path
    watcher: Watcher
    started: str = field(default_factory=now)
    phases: dict[str, float] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)
    observed: Fingerprint | None = None
    slot: Slot = ON_CPU

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self.watcher.phase(name)
        begin = time.monotonic()
        try:
            yield
        finally:
            self.phases[name] = round(time.monotonic() - begin, 3)

    def result(self, outcome: str, reason: str, attempts: Sequence[Attempt] = ()) -> CellResult:
        weights = {name: said for attempt in attempts for name, said in attempt.journal.weights.items()}
        return CellResult(
            schema_version=SCHEMA_VERSION,
            cell=self.planned.cell.record(self.planned.tags),
            outcome=outcome,
            reason=reason,
            environment=EnvironmentRecord(self.settings.environment.kind, self.settings.why, self.details),
            tier=self.settings.tier,
            started=self.started,
            finished=now(),
            samcheck=self.settings.version,
            observed=self.observed,
            variants=list(self.settings.variants),
            weights=weights,
            phases=self.phases,
            checks=self.checks(attempts) if attempts else [],
        )

    def checks(self, attempts: Sequence[Attempt]) -> list[CheckResult]:
        """What became of each check, with what all processes measured."""
        found = collect.verdicts(attempts, self.settings.check_timeout)
        return passes.joined(found, self.folder, self.settings.passes)


def run_cell(planned: PlannedCell, settings: Settings, folder: Path, watcher: Watcher) -> CellResult:
    """Run one cell, keeping everything in `folder`, and never raise for what only concerns it.

    Called again on the folder of an interrupted run it goes on where that stopped.
    """
    (folder / "work").mkdir(parents=True, exist_ok=True)
    course = Course(planned, settings, folder, watcher)
    try:
        pins = requirements_of(planned.cell, settings.environment)
        with settings.gates.build(), course.phase("prepare"):
            _check_disk(planned.cell, pins, settings.environment)
            place = settings.environment.prepare(planned.cell, pins, folder / "build.log")
        settings.gates.check()
        course.details = dict(place.details)
        with settings.gates.run(planned.cell.needs_gpu_build) as course.slot:
            return _in_its_place(course, pins, place)
    except BuildFailed as error:
        return course.result("build-failed", str(error))
    except Refused as error:  # also in the middle of its checks: those that are finished are kept
        return course.result("refused", str(error), _attempts(folder))


def _in_its_place(course: Course, pins: Requirements, place: Place) -> CellResult:
    """What is left once the environment is made and a GPU, or the CPU, is free for it.

    Raises:
        BuildFailed: the probe could not run.
        Refused: the engine would not start it, or the GPU is not there, or not free.
    """
    settings, gates = course.settings, course.settings.gates
    _look_at_gpu(course)
    with course.phase("probe"):
        course.observed = _probe(course, place)
    differences = list(judging.compare(course.planned.cell, pins, course.observed))
    if differences:
        return course.result("misbuilt", "; ".join(differences))
    if course.slot.gpu and course.observed.device != "cuda":
        raise Refused(gpu_access.lost(course.observed.cuda_unavailable or ""))
    builds = gates.builds
    with course.phase("run"):
        attempts = run_suite(course, place)
        if attempts[-1].complete:
            told = passes.run(
                course.folder, settings.passes, lambda number: _start_pass(course, place, number)
            )
            course.details.update({"processes": "; ".join(told)} if told else {})
    if gates.builds != builds:  # who compares latencies wants to know
        course.details["beside"] = "other cells were built meanwhile"
    outcome, reason = judging.judge(attempts, course.checks(attempts))
    return course.result(outcome, reason, attempts)


def _look_at_gpu(course: Course) -> None:
    """Note who else computes on the cell's GPU.

    Raises:
        Refused: somebody does, and the GPU was to be this cell's alone.
    """
    if not course.slot.gpu:
        return
    course.details["gpu"] = course.slot.gpu
    foreign = neighbours.on_gpu(int(course.slot.gpu))
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
    folder, gates = course.folder, course.settings.gates
    path, output = folder / "work" / "fingerprint.json", folder / "probe.log"
    arguments = ("-m", "samcheck.guest.fingerprint", f"{WORK}/{path.name}")
    end = time.monotonic() + course.settings.check_timeout  # an import can hang

    def alive() -> bool:
        gates.check()
        return time.monotonic() < end

    ended = place.run(Job(arguments, folder / "work", output, alive, course.slot.gpu))
    try:
        return results.read_fingerprint(path)
    except BadInput as error:
        last = collect.tail(output).strip().splitlines()
        said = last[-1] if last else str(error)
        raise BuildFailed(f"the probe ended with {ended}: {said}") from None


def measured(course: Course, place: Place) -> list[Attempt]:
    """Run the suite, then its benchmarks in further processes."""
    attempts = run_suite(course, place)
    if attempts[-1].complete:
        told = passes.run(course.folder, course.settings.passes, lambda n: _start_pass(course, place, n))
        if told:
            course.details["processes"] = "; ".join(told)
    return attempts


def run_suite(course: Course, place: Place) -> list[Attempt]:
    """Start the suite until every check is settled, the guest dies too often, or cannot start."""
    timeout = course.settings.check_timeout
    while True:
        attempts = _attempts(course.folder)
        if attempts and (attempts[-1].complete or _given_up(attempts, timeout)):
            return attempts
        _start(course, place, len(attempts) + 1, collect.settled(attempts, timeout))


def _given_up(attempts: list[Attempt], check_timeout: float) -> bool:
    """Whether starting again would not help: the guest died outside of any check, or too often."""
    deaths = [each for each in attempts if each.ended is not None]
    if not deaths or deaths[-1] is not attempts[-1]:
        return False
    return deaths[-1].blamed(check_timeout) is None or len(deaths) > MAXIMUM_DEATHS


def _attempts(folder: Path) -> list[Attempt]:
    """The attempts so far, from their files."""
    numbers = range(1, len(list(folder.glob("output-*.log"))) + 1)
    return [
        collect.read_attempt(
            folder / "work" / f"journal-{n}.jsonl",
            folder / f"ended-{n}.json",
            folder / f"output-{n}.log",
        )
        for n in numbers
    ]


def _start(course: Course, place: Place, number: int, done: dict[str, CheckResult]) -> None:
    """One start of the suite; its end is noted only if samcheck lives to see it."""
    work = course.folder / "work"
    for name, checks in (("skip", done), ("only", course.settings.only)):
        (work / f"{name}.txt").write_text("".join(f"{check}\n" for check in checks), encoding="utf-8")
    follower = collect.Follower(work / f"journal-{number}.jsonl")
    arguments = (
        *_pytest(course.settings, course.settings.suite),
        f"--samcheck-journal={WORK}/journal-{number}.jsonl",
        f"--samcheck-skip-listed={WORK}/skip.txt",
        f"--benchmark-json={WORK}/benchmark-{number}.json",
    )
    output = course.folder / f"output-{number}.log"
    output.touch()
    ended = place.run(Job(arguments, work, output, _alive(course, follower, len(done)), course.slot.gpu))
    course.settings.gates.check()  # who was ended with the run has not died of a check
    note = json.dumps({**asdict(ended), "at": round(time.time(), 3)}).encode()
    results.write_atomically(course.folder / f"ended-{number}.json", note)


def _start_pass(course: Course, place: Place, number: int) -> Ended:
    """One more process that measures the benchmarks."""
    settings, work = course.settings, course.folder / "work"
    follower = collect.Follower(passes.journal(course.folder, number))
    arguments = (*_pytest(settings, f"{settings.suite}/{passes.MODULE}"), *passes.outputs(number))
    output = course.folder / f"pass-{number}.log"
    ended = place.run(Job(arguments, work, output, _alive(course, follower, 0), course.slot.gpu))
    settings.gates.check()
    return ended


def _pytest(settings: Settings, what: str) -> tuple[str, ...]:
    """Python's arguments that run a part of the suite, or all of it."""
    return (
        *suite.arguments(settings.suite, settings.tier, settings.variants, what),
        "--continue-on-collection-errors",
        f"--samcheck-check-timeout={settings.check_timeout}",
        f"--samcheck-benchmark-seconds={passes.SECONDS[settings.tier]}",
        *((f"--samcheck-only={WORK}/only.txt",) if settings.only else ()),
    )


def _alive(course: Course, follower: collect.Follower, before: int) -> Callable[[], bool]:
    """Follow the journal, tell the watcher, and say whether the guest still gets on.

    The guest stops a check at its time limit by itself; a minute later the host does.
    """

    def alive() -> bool:
        course.settings.gates.check()
        if follower.poll():
            journal = follower.journal
            current = journal.running[0] if journal.running else ""
            course.watcher.checks(before + len(journal.finished), before + len(journal.collected), current)
        return time.monotonic() - follower.changed < course.settings.check_timeout + 60

    return alive
