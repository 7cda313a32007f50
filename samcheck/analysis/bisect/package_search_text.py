"""A search over packages as text and as JSON (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from samcheck.analysis.bisect import bisection_text
from samcheck.analysis.bisect.bisection import Bisection, BisectionQuestion
from samcheck.analysis.bisect.boundary_search import Boundary
from samcheck.analysis.bisect.candidate_values import Candidate
from samcheck.analysis.bisect.package_groups import PackageGroup
from samcheck.analysis.bisect.package_search import PackageSearch


def announce(question: BisectionQuestion, groups: tuple[PackageGroup, ...]) -> Iterator[str]:
    """Yield what will be searched."""
    yield f"bisect {question.check} over {len(groups)} packages or groups that differ"
    yield f"bad: {' or '.join(question.bad) or 'anything other than in the good environment'}"
    yield from (f"  {group.title}" for group in groups)
    for left_out in question.left_out:
        yield f"  {left_out.id}: left out: {left_out.reason}"


def conclusion(search: PackageSearch) -> Iterator[str]:
    """Yield the answer, its caveats and its cost."""
    last = search.rounds[-1]
    if not search.needed:
        yield from _nothing(search, last)
    else:
        yield from _blame(search)
    every = Bisection(last.question, {}, [step for done in search.rounds for step in done.trail])
    yield bisection_text.cost(every)


def _nothing(search: PackageSearch, first: Bisection) -> Iterator[str]:
    """Yield why the first chain has no answer."""
    if isinstance(first.end, Boundary):
        titles = [group.title for group in search.groups[first.end.good : first.end.bad]]
        yield f"to blame is one of these, which cannot be told apart: {', '.join(titles)}"
        for at in first.end.between:
            yield f"  undecided: {bisection_text.value_line(first, at)}"
        return
    yield from bisection_text.wrong_end(first)
    runs = first.runs.get(len(first.question.candidates) - 1, [])
    if runs and set(runs) == {"good"}:
        yield (
            "  the packages of the bad environment, installed anew, are good: what is to blame there is not "
            "a version; `samcheck doctor` finds what upgrades have left in its files"
        )


def _blame(search: PackageSearch) -> Iterator[str]:
    titles = [group.title for group in search.needed]
    together = " together" if len(titles) > 1 else ""
    yield f"to blame{together}: {' and '.join(titles)}"
    for group in search.needed:
        if len(group.changes) > 1:
            yield f"  moved together: {', '.join(map(str, group.changes))}"
    for verb, candidate in (("with", search.fails), ("without", search.passes)):
        if candidate is not None:
            last = titles[-1]
            yield f"  {verb} {last}: {_last_line(search, candidate)}"
    if not search.sufficient:
        yield "  this alone was not seen to be enough: others that differ may be needed, too"


def _last_line(search: PackageSearch, candidate: Candidate) -> str:
    """Return an environment with what was seen of it."""
    for done in reversed(search.rounds):
        for at, row in enumerate(done.question.candidates):
            if row.cell.id == candidate.cell.id and done.observations.get(at):
                run = done.observations[at][-1]
                return (
                    f"{candidate.cell.id}: {run.text or run.reason}{f': {run.reason}' if run.reason else ''}"
                )
    return candidate.cell.id


def as_json(search: PackageSearch, question: BisectionQuestion) -> dict[str, Any]:
    """Return everything as JSON; two searches are the same if their ``question`` is."""
    first = search.rounds[0] if search.rounds else Bisection(question)
    return {
        "question": bisection_text.as_json(Bisection(question))["question"],
        "finished": search.finished,
        "answer": {
            "to_blame": [[asdict(row) for row in group.changes] for group in search.needed],
            "sufficient": search.sufficient,
            "fails": search.fails.cell.id if search.fails else "",
            "passes": search.passes.cell.id if search.passes else "",
        },
        "first": bisection_text.as_json(first)["answer"],
        "rounds": [bisection_text.as_json(done) for done in search.rounds],
    }
