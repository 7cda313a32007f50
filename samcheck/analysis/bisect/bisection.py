"""The bisection loop: pick a value, run the check there, note the outcome, until the search ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from samcheck.analysis.bisect import boundary_search, observations
from samcheck.analysis.bisect.boundary_search import Boundary, Probe, WrongEnd
from samcheck.analysis.bisect.candidate_values import Candidate
from samcheck.analysis.bisect.observations import Observation
from samcheck.cells import Cell
from samcheck.guest.record import CellResult
from samcheck.matrix import LeftOut
from samcheck.storage.results import numpy_of


@dataclass(frozen=True)
class BisectionQuestion:
    """What is bisected; runs with equal questions are the same bisect.

    Attributes:
        bad: outcomes that count as bad; empty for all that differ from the good end's.
        repeat: number of runs behind each verdict next to the boundary.
        own_variants: the user's own variants, with digests of their contents.
    """

    check: str
    axis: str
    candidates: tuple[Candidate, ...]
    left_out: tuple[LeftOut, ...] = ()
    bad: tuple[str, ...] = ()
    repeat: int = 2
    environment: str = ""
    samcheck: str = ""
    own_variants: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckRun:
    """One run of the check in a cell.

    Attributes:
        built: whether its environment was built for this run.
    """

    result: CellResult
    built: bool = False


#: Run the check in the candidate's cell for the n-th time, counting from 1.
Prober = Callable[[Candidate, int], CheckRun]


@dataclass
class Bisection:
    """The state of a bisect and how it got there.

    Attributes:
        observations: by candidate number, in the order of the runs.
        trail: what was tried and why, in order.
    """

    question: BisectionQuestion
    observations: dict[int, list[Observation]] = field(default_factory=dict)
    trail: list[tuple[Probe, CheckRun]] = field(default_factory=list)
    end: Boundary | WrongEnd | None = None

    @property
    def runs(self) -> dict[int, list[boundary_search.Verdict]]:
        return observations.verdicts(self.observations, self.question.bad)

    @property
    def built(self) -> int:
        return sum(check_run.built for _, check_run in self.trail)

    @property
    def reused(self) -> int:
        """Number of runs that stored results saved."""
        return sum(observation.stored for runs in self.observations.values() for observation in runs)


def stored_observations(
    question: BisectionQuestion, results: Iterable[CellResult]
) -> dict[int, list[Observation]]:
    """Return what stored results say about the candidates; inconclusive ones are left out."""
    numbers = {_key(candidate.cell): at for at, candidate in enumerate(question.candidates)}
    known: dict[int, list[Observation]] = {}
    for result in results:
        at = numbers.get(_key(Cell.of(result.cell)))
        if at is None or not _has_numpy(result, question.candidates[at].numpy):
            continue
        observation = observations.observe(result, question.check, stored=True)
        if observations.verdict(observation, None, question.bad) != "untestable":
            known.setdefault(at, []).append(observation)
    return known


def _key(cell: Cell) -> Cell | str:
    """Return what tells a cell from others: its id, if its fields are what was found in it."""
    return cell.own or cell


def _has_numpy(result: CellResult, wanted: str) -> bool:
    """Return whether a result has the wanted NumPy: the default of a cell has changed over time."""
    return not wanted or numpy_of(result) == wanted


def cells_with_verdict(results: Sequence[CellResult], check: str, bad: Sequence[str]) -> set[Cell]:
    """Return the cells with a conclusive stored result of the check."""
    return {
        Cell.of(result.cell)
        for result in results
        if observations.verdict(observations.observe(result, check, stored=True), None, bad) != "untestable"
    }


def run_bisection(
    question: BisectionQuestion,
    known: dict[int, list[Observation]],
    probe: Prober,
    report: Callable[[Bisection], None] = lambda _: None,
) -> Bisection:
    """Run the search to its end; call `report` with the `known` observations, then after each new one."""
    bisection = Bisection(question, {at: list(runs) for at, runs in known.items()})
    report(bisection)
    times: dict[int, int] = {}
    while True:
        step = boundary_search.next_step(len(question.candidates), bisection.runs, question.repeat)
        if not isinstance(step, Probe):
            bisection.end = step
            return bisection
        times[step.at] = times.get(step.at, 0) + 1
        check_run = probe(question.candidates[step.at], times[step.at])
        bisection.trail.append((step, check_run))
        observation = observations.observe(check_run.result, question.check, stored=False)
        bisection.observations.setdefault(step.at, []).append(observation)
        report(bisection)
