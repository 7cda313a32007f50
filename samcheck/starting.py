"""The suite, started in a prepared place until every check is settled, and its benchmarks again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from samcheck import collect, files, passes, suite
from samcheck.collect import Attempt
from samcheck.course import Course, Settings
from samcheck.environments import WORK, Ended, Job, Place
from samcheck.guest.record import CheckResult

#: A cell whose guest dies more often than this is given up; the rest of its checks are not-run.
MAXIMUM_DEATHS = 10
STOPPED = "the time that --stop-after gives"


def measured(course: Course, place: Place) -> list[Attempt]:
    """Run the suite, then its benchmarks in further processes."""
    attempts = run_suite(course, place)
    if attempts[-1].complete and passes.GROUP in (course.settings.groups or (passes.GROUP,)):
        told = passes.run(course.folder, course.settings.passes, lambda n: start_pass(course, place, n))
        if told:
            course.details["processes"] = "; ".join(told)
    return attempts


def run_suite(course: Course, place: Place) -> list[Attempt]:
    """Start the suite until every check is settled, the guest dies too often, or the time is over."""
    timeout = course.settings.check_timeout
    while True:
        attempts = attempts_in(course.folder)
        if attempts and (attempts[-1].complete or _given_up(attempts, timeout)):
            return attempts
        _start(course, place, len(attempts) + 1, collect.settled(attempts, timeout))
        if course.settings.late:
            return attempts_in(course.folder)


def _given_up(attempts: list[Attempt], check_timeout: float) -> bool:
    """Whether starting again would not help: the guest died outside of any check, or too often."""
    deaths = [each for each in attempts if each.ended is not None]
    if not deaths or deaths[-1] is not attempts[-1]:
        return False
    return deaths[-1].blamed(check_timeout) is None or len(deaths) > MAXIMUM_DEATHS


def attempts_in(folder: Path) -> list[Attempt]:
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
    """One start of the suite; its end is noted only if samcheck lives to see it, and did not stop it."""
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
    if not course.settings.late:
        note_end(course.folder / f"ended-{number}.json", ended)


def note_end(path: Path, ended: Ended) -> None:
    """Note how a guest ended, and that it does now."""
    note = json.dumps({**asdict(ended), "at": round(time.time(), 3)}).encode()
    files.write_atomically(path, note)


def start_pass(course: Course, place: Place, number: int, more: tuple[str, ...] = ()) -> Ended:
    """One process that measures nothing but the benchmarks; `more`: arguments for it."""
    settings, work = course.settings, course.folder / "work"
    if settings.late:
        return Ended(None, cause=STOPPED)
    follower = collect.Follower(passes.journal(course.folder, number))
    arguments = (*_pytest(settings, f"{settings.suite}/{passes.MODULE}"), *passes.outputs(number), *more)
    output = passes.output(course.folder, number)
    ended = place.run(Job(arguments, work, output, _alive(course, follower, 0), course.slot.gpu))
    settings.gates.check()
    return ended


def _pytest(settings: Settings, what: str) -> tuple[str, ...]:
    """Python's arguments that run a part of the suite, or all of it."""
    return (
        *suite.arguments(settings.suite, settings.tier, settings.variants, what, settings.groups),
        "--continue-on-collection-errors",
        f"--samcheck-check-timeout={settings.check_timeout}",
        f"--samcheck-benchmark-seconds={settings.benchmark_seconds}",
        *((f"--samcheck-only={WORK}/only.txt",) if settings.only else ()),
    )


def _alive(course: Course, follower: collect.Follower, before: int) -> Callable[[], bool]:
    """Follow the journal, tell the watcher, and say whether the guest still gets on.

    The guest stops a check at its time limit by itself; a minute later the host does.
    """

    def alive() -> bool:
        course.settings.gates.check()
        if course.settings.late:
            return False
        if follower.poll():
            journal = follower.journal
            current = journal.running[0] if journal.running else ""
            course.watcher.checks(before + len(journal.finished), before + len(journal.collected), current)
        return time.monotonic() - follower.changed < course.settings.check_timeout + 60

    return alive
