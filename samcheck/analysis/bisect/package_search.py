"""Which of the packages that differ are to blame: one bisection after another, each over a chain.

The first adds the differing packages to the good environment one by one; where the outcome changes, the
package that was added last is needed for it. The next starts from the good environment with just that, and
adds those that came before it, and so on, until what is needed suffices. For n packages and k to blame that
takes about k log2(n) environments. What is left is minimal: without the last one found it passes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from samcheck.analysis.bisect import observations
from samcheck.analysis.bisect.bisection import Bisection, BisectionQuestion, Prober, run_bisection
from samcheck.analysis.bisect.boundary_search import Boundary, Probe, WrongEnd
from samcheck.analysis.bisect.candidate_values import Candidate
from samcheck.analysis.bisect.observations import Observation
from samcheck.analysis.bisect.package_groups import PackageGroup

#: Return the environment in which these groups have moved, and nothing else.
Mixer = Callable[[Sequence[PackageGroup]], Candidate]


@dataclass
class PackageSearch:
    """The state of a search.

    Attributes:
        groups: what differs, in the order in which it is added.
        needed: what is known to be needed for the bad outcome, in the order in which that was found.
        rounds: a bisection each.
        sufficient: whether the needed groups were seen to be enough; None while that is not known.
        fails, passes: the environments that show it: with all that is needed, and without the last of that.
    """

    groups: tuple[PackageGroup, ...]
    needed: list[PackageGroup] = field(default_factory=list)
    rounds: list[Bisection] = field(default_factory=list)
    sufficient: bool | None = None
    fails: Candidate | None = None
    passes: Candidate | None = None
    finished: bool = False


def first_question(
    question: BisectionQuestion, groups: Sequence[PackageGroup], mix: Mixer
) -> BisectionQuestion:
    """Return a question with the first chain as its candidates."""
    return replace(question, candidates=_chain((), groups, mix))


def _chain(needed: Sequence[PackageGroup], rest: Sequence[PackageGroup], mix: Mixer) -> tuple[Candidate, ...]:
    """Return the environments with all that is needed and none, one, two, ... of the rest."""
    also, others = (f"{' and '.join(group.title for group in needed)}; ", " others") if needed else ("", "")
    rows = [replace(mix(needed), value=f"{also}0 of {len(rest)}{others}")]
    for count, group in enumerate(rest, 1):
        value = f"{also}{count} of {len(rest)}{others}, up to {group.title}"
        rows.append(replace(mix((*needed, *rest[:count])), value=value))
    return tuple(rows)


def run_search(
    question: BisectionQuestion,
    groups: Sequence[PackageGroup],
    mix: Mixer,
    probe: Prober,
    report: Callable[[PackageSearch], None] = lambda _: None,
) -> PackageSearch:
    """Run the search to its end; call `report` after each observation.

    Args:
        question: with the first chain.
    """
    search, rest = PackageSearch(tuple(groups)), list(groups)
    while not search.finished:
        known = {
            at: runs
            for at, candidate in enumerate(question.candidates)
            if (runs := _seen(search, candidate.cell.id))
        }
        search.rounds.append(Bisection(question))

        def noted(bisection: Bisection) -> None:
            search.rounds[-1] = bisection
            report(search)

        done = run_bisection(question, known, probe, noted)
        if search.needed and done.end == WrongEnd(0, "bad"):
            _repeat(done, probe, noted)
        found = _concluded(search, done, rest)
        if found is None:
            search.finished = True
        else:
            rest = rest[:found]
            bad = _outcomes_of(search.rounds[0], question.bad)
            question = replace(question, candidates=_chain(search.needed, rest, mix), bad=bad)
    report(search)
    return search


def _concluded(search: PackageSearch, done: Bisection, rest: Sequence[PackageGroup]) -> int | None:
    """Note what a bisection has shown; return how many of the rest remain to be searched, None if none."""
    candidates, end = done.question.candidates, done.end
    if isinstance(end, Boundary):
        if not end.exact:
            search.sufficient = False if search.needed else None
            return None
        search.needed.append(rest[end.bad - 1])
        search.passes, search.fails = candidates[0], candidates[end.bad]
        if end.bad > 1:
            return end.bad - 1
        search.sufficient = True
        return None
    if search.needed and end == WrongEnd(0, "bad") and set(done.runs[0]) == {"bad"}:
        search.fails, search.sufficient = candidates[0], True
    elif search.needed:
        search.sufficient = False
    return None


def _repeat(done: Bisection, probe: Prober, report: Callable[[Bisection], None]) -> None:
    """Run what is to be the answer as often as what is next to a boundary."""
    runs = done.observations[0]
    while len(runs) < done.question.repeat and set(done.runs[0]) == {"bad"}:
        step = Probe(0, f"the answer: run {len(runs) + 1} of {done.question.repeat}")
        check_run = probe(done.question.candidates[0], len(runs) + 1)
        done.trail.append((step, check_run))
        runs.append(observations.observe(check_run.result, done.question.check, stored=False))
        report(done)


def _seen(search: PackageSearch, id: str) -> list[Observation]:
    """Return what earlier rounds have seen of an environment."""
    for bisection in reversed(search.rounds):
        for at, candidate in enumerate(bisection.question.candidates):
            if candidate.cell.id == id and bisection.observations.get(at):
                return list(bisection.observations[at])
    return []


def _outcomes_of(first: Bisection, given: tuple[str, ...]) -> tuple[str, ...]:
    """Return the outcomes that count as bad from the second chain on, whose first is not the good end."""
    if given or not isinstance(first.end, Boundary):
        return given
    good, bad = (first.observations[at][-1] for at in (0, first.end.bad))
    failures = () if good.outcome and good.outcome.is_failure else ("bad",)
    return (*failures, bad.text)
