"""The search itself: ask what to try, have it tried, note what was seen, until there is an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from samcheck.analysis.bisect import observations, search
from samcheck.analysis.bisect.candidate_values import Candidate
from samcheck.analysis.bisect.observations import Observation
from samcheck.analysis.bisect.search import Answer, Probe, Stuck
from samcheck.cells import Cell
from samcheck.guest.record import CellResult
from samcheck.matrix import LeftOut
from samcheck.storage.results import numpy_of


@dataclass(frozen=True)
class Question:
    """What is bisected; two runs with equal questions are the same.

    Attributes:
        bad: outcomes that are bad; empty for all that differ from the good end's.
        repeat: how many runs a verdict next to the boundary rests on.
    """

    check: str
    axis: str
    candidates: tuple[Candidate, ...]
    left_out: tuple[LeftOut, ...] = ()
    bad: tuple[str, ...] = ()
    repeat: int = 2
    environment: str = ""
    samcheck: str = ""


@dataclass(frozen=True)
class Tried:
    """One run of the check in a cell.

    Attributes:
        built: whether the environment was made for it.
        resumed: whether an earlier start of this bisect has run it.
    """

    result: CellResult
    built: bool = False
    resumed: bool = False


#: Runs the check in the candidate's cell for the n-th time, counted from 1.
Prober = Callable[[Candidate, int], Tried]


@dataclass
class Hunt:
    """Everything that is known, and how it came to be known.

    Attributes:
        seen: by the number of the candidate, in the order of the runs.
        trail: what was tried, with the reason, in order.
    """

    question: Question
    seen: dict[int, list[Observation]] = field(default_factory=dict)
    trail: list[tuple[Probe, Tried]] = field(default_factory=list)
    end: Answer | Stuck | None = None

    @property
    def runs(self) -> dict[int, list[search.Verdict]]:
        return observations.verdicts(self.seen, self.question.bad)

    @property
    def built(self) -> int:
        return sum(tried.built for _, tried in self.trail)

    @property
    def reused(self) -> int:
        """How many runs were not needed, because their results are stored."""
        return sum(each.stored for runs in self.seen.values() for each in runs)


def stored(question: Question, results: Iterable[CellResult]) -> dict[int, list[Observation]]:
    """What stored results say of the candidates, as far as they say anything."""
    numbers = {each.cell: at for at, each in enumerate(question.candidates)}
    seen: dict[int, list[Observation]] = {}
    for result in results:
        at = numbers.get(Cell.of(result.cell))
        if at is None or not _has_numpy(result, question.candidates[at].numpy):
            continue
        observed = observations.observe(result, question.check, stored=True)
        if observations.verdict(observed, None, question.bad) != "untestable":
            seen.setdefault(at, []).append(observed)
    return seen


def _has_numpy(result: CellResult, wanted: str) -> bool:
    """Whether a result is of the NumPy that is wanted: what a cell has by default was another one once."""
    return not wanted or numpy_of(result) == wanted


def usable(results: Sequence[CellResult], check: str, bad: Sequence[str]) -> set[Cell]:
    """Cells with a stored result that tells something of the check."""
    return {
        Cell.of(result.cell)
        for result in results
        if observations.verdict(observations.observe(result, check, stored=True), None, bad) != "untestable"
    }


def hunt(
    question: Question,
    known: dict[int, list[Observation]],
    probe: Prober,
    tell: Callable[[Hunt], None] = lambda _: None,
) -> Hunt:
    """Search until the end; `tell` hears of everything that was seen, first of what was `known`."""
    going = Hunt(question, {at: list(runs) for at, runs in known.items()})
    tell(going)
    times: dict[int, int] = {}
    while True:
        step = search.next_step(len(question.candidates), going.runs, question.repeat)
        if not isinstance(step, Probe):
            going.end = step
            return going
        times[step.at] = times.get(step.at, 0) + 1
        tried = probe(question.candidates[step.at], times[step.at])
        going.trail.append((step, tried))
        seen = observations.observe(tried.result, question.check, stored=False)
        going.seen.setdefault(step.at, []).append(seen)
        tell(going)
