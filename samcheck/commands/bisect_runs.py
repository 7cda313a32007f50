"""Searches of ``samcheck bisect``, with every step shown and recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from samcheck import files, paths, streams
from samcheck.analysis.bisect import (
    bisection_text,
    boundary_search,
    package_search,
    package_search_text,
    state_file,
)
from samcheck.analysis.bisect.bisection import Bisection, BisectionQuestion, run_bisection
from samcheck.analysis.bisect.candidate_values import Candidate
from samcheck.analysis.bisect.check_prober import CheckProber
from samcheck.analysis.bisect.mixed_environments import MixedEnvironments
from samcheck.analysis.bisect.observations import Observation
from samcheck.analysis.bisect.package_groups import PackageGroup
from samcheck.analysis.bisect.package_search import PackageSearch
from samcheck.run import progress as display
from samcheck.run import session
from samcheck.run.context import Settings
from samcheck.sanitize import visible


def search(
    question: BisectionQuestion,
    known: dict[int, list[Observation]],
    settings: Settings,
    resume: bool,
    console: Console,
) -> Bisection:
    """Announce the search, run it with every step recorded, and print its conclusion."""
    folder = state_file.open_folder(paths.RUNS, question, resume)
    say = _announced(console, bisection_text.announce(question), settings)

    def report(bisection: Bisection) -> None:
        state_file.note(folder, bisection_text.as_json(bisection))
        for line in _step(bisection):
            say(line)

    most = boundary_search.bound(len(question.candidates)) + 2 * (question.repeat - 1)
    with _prober(settings, folder, console, most) as probe:
        done = run_bisection(question, known, probe, report)
        state_file.note(folder, bisection_text.as_json(done))
    _conclude(console, bisection_text.conclusion(done), folder)
    return done


def search_packages(
    question: BisectionQuestion,
    groups: Sequence[PackageGroup],
    mix: MixedEnvironments,
    settings: Settings,
    resume: bool,
    console: Console,
) -> PackageSearch:
    """Search for the packages to blame, as `search` does for a value."""
    question = package_search.first_question(question, groups, mix)
    folder = state_file.open_folder(paths.RUNS, question, resume)
    say = _announced(console, package_search_text.announce(question, tuple(groups)), settings)

    def report(done: PackageSearch) -> None:
        state_file.note(folder, package_search_text.as_json(done, question))
        if done.finished:
            return
        for line in _step(done.rounds[-1]):
            say(line)

    most = boundary_search.bound(len(groups) + 1) + 2 * question.repeat
    with _prober(settings, folder, console, most) as probe:
        done = package_search.run_search(question, groups, mix, probe, report)
        _keep(done, folder)
    _conclude(console, package_search_text.conclusion(done), folder)
    return done


def _announced(console: Console, lines: Iterable[str], settings: Settings) -> Callable[[str], None]:
    """Print what will be searched, and where; return what prints further lines."""

    def say(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    streams.outlive()
    for line in (*lines, f"environment: {settings.environment.kind}, because: {visible(settings.why)}"):
        say(line)
    return say


def _step(bisection: Bisection) -> Iterator[str]:
    """Yield what was seen last; before the first run, all that is known."""
    for at in sorted(bisection.observations) if not bisection.trail else (bisection.trail[-1][0].at,):
        why = bisection.trail[-1][0].why if bisection.trail else "known"
        yield f"{why}: {bisection_text.value_line(bisection, at)}"


@contextmanager
def _prober(settings: Settings, folder: Path, console: Console, most: int) -> Iterator[CheckProber]:
    with files.locked(folder, wait=False), display.display(console, most) as shown:
        yield CheckProber(settings, folder, shown)


def _keep(done: PackageSearch, folder: Path) -> None:
    """Keep what the two environments that show the answer are installed from."""
    for name, candidate in (("fails", done.fails), ("passes", done.passes)):
        if candidate is not None and candidate.own is not None:
            source = _file_of(candidate)
            (folder / name).mkdir(exist_ok=True)
            files.write_atomically(folder / name / source.name, files.read(source))


def _file_of(candidate: Candidate) -> Path:
    return candidate.own.path if candidate.own else Path()


def _conclude(console: Console, lines: Iterable[str], folder: Path) -> None:
    for line in (*lines, f"kept in {folder.name}"):
        session.conclude(console, line)
