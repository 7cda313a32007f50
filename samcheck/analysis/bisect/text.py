"""A bisect in words, and for programs (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from samcheck.analysis.bisect import confounders, search
from samcheck.analysis.bisect.bisect import Hunt, Question
from samcheck.analysis.bisect.observations import Observation
from samcheck.analysis.bisect.search import Answer, Stuck
from samcheck.guest.record import CellOutcome
from samcheck.matrix.file import shown


def announce(question: Question) -> Iterator[str]:
    """What will be searched."""
    values = question.candidates
    ends = f"{values[0].value} (good) to {values[-1].value} (bad)"
    yield f"bisect {question.check} over {len(values)} values of {question.axis}, {ends}"
    yield f"bad is: {' or '.join(question.bad) or f'anything else than at {values[0].value}'}"
    for each in values:
        if each.moved:
            yield f"  {each.value}: {each.moved}"
    for left in question.left_out:
        yield f"  {left.id}: left out: {left.reason}"


def said(hunt: Hunt, at: int) -> str:
    """One value with everything that was seen of it, the last run last."""
    each, seen = hunt.question.candidates[at], hunt.seen.get(at, [])
    texts = [(one.text or one.reason) + (" (stored)" if one.stored else "") for one in seen]
    state = search.state(hunt.runs.get(at, ())).upper()
    last = seen[-1] if seen else None
    unexpected = last is not None and last.outcome is not None and not last.outcome.is_expected
    why = f": {shown(last.reason, 160)}" if last and unexpected and last.reason else ""
    return f"{each.value} [{each.cell.id}]: {', '.join(texts)}{why} → {state}"


def _failed(seen: Observation) -> bool:
    return seen.outcome is not None and seen.outcome.is_failure


def conclusion(hunt: Hunt) -> Iterator[str]:
    """The answer, what weakens it, and what it took."""
    if isinstance(hunt.end, Stuck):
        yield from _stuck(hunt, hunt.end)
    elif isinstance(hunt.end, Answer):
        yield from _answer(hunt, hunt.end)
    yield _took(hunt)


def _took(hunt: Hunt) -> str:
    runs = [tried for _, tried in hunt.trail]
    lacking = {tried.result.cell.id for tried in runs if tried.result.outcome is CellOutcome.BUILD_FAILED}
    ready = len({tried.result.cell.id for tried in runs} - lacking) - hunt.built
    parts = [f"{hunt.built} environment{'s' * (hunt.built != 1)} built"]
    if lacking:
        parts.append(f"{len(lacking)} could not be built")
    parts.append(f"{ready} that {'was' if ready == 1 else 'were'} ready used")
    took = sum(sum(tried.result.phases.values()) for tried in runs)
    checks = f"{len(runs)} run{'s' * (len(runs) != 1)} of the check"
    return f"{', '.join(parts)}; {checks}, {hunt.reused} more taken from stored results; {took:.0f} s"


def _stuck(hunt: Hunt, end: Stuck) -> Iterator[str]:
    wanted = "good" if end.at == 0 else "bad"
    words = {
        "flaky": "is flaky: the same check in the same cell goes one way and the other",
        "untestable": "cannot be tried",
        "good": "is good",
        "bad": "is bad",
    }
    yield f"nothing to bisect: the {wanted} end {words[end.state]}: {said(hunt, end.at)}"
    seen = hunt.seen[end.at][-1]
    if end.state == "untestable" and seen.outcome:
        yield f"  if that is what you look for: --bad-outcome {seen.outcome}"
    if end.state == "good" and not hunt.question.bad:
        yield f"  the check is {seen.text} at both ends; `samcheck compare` says which checks differ"


def _answer(hunt: Hunt, end: Answer) -> Iterator[str]:
    question = hunt.question
    good, bad = question.candidates[end.good], question.candidates[end.bad]
    now, was = _telling(hunt, end.bad), _telling(hunt, end.good)
    first = f"first bad: {question.axis} {bad.value}" + ("" if end.exact else " or before it")
    rest = "" if end.exact else ": not narrowed further"
    yield f"{first} ({now.text}), last good: {good.value} ({was.text}){rest}"
    if now.reason:
        yield f"  {now.text}: {now.reason}"
    yield from _weakened(hunt, end)


def _weakened(hunt: Hunt, end: Answer) -> Iterator[str]:
    """What makes an answer less than certain."""
    question = hunt.question
    for at in end.between:
        yield f"  could not be told: {said(hunt, at)}"
    for at in end.against:
        yield f"  the outcome changes more than once, this is the first change: {said(hunt, at)}"
    failed = [at for at, runs in hunt.seen.items() if at <= end.good and _failed(runs[-1])]
    if failed and question.bad:
        names = ", ".join(question.candidates[at].value for at in sorted(failed))
        yield f"  counted as good, since only {' or '.join(question.bad)} is bad, although it failed: {names}"
    differ = confounders.told(hunt, end)
    if differ:
        hold = confounders.held(hunt, end)
        yield f"  these two also differ in {differ}: that may be the cause instead{hold}"
    stale = sorted({one.samcheck for one in _deciding(hunt, end) if one.stored} - {question.samcheck})
    if stale:
        yield f"  the boundary rests in part on results of another samcheck: {', '.join(stale)}"
    kinds = sorted({one.environment for one in _deciding(hunt, end)} - {"", question.environment})
    if kinds and question.environment:
        yield f"  the boundary rests in part on results of another kind of environment: {', '.join(kinds)}"


def _telling(hunt: Hunt, at: int) -> Observation:
    """The last run of a value that could be told which told it."""
    both = zip(hunt.seen[at], hunt.runs[at], strict=True)
    return [one for one, verdict in both if verdict != "untestable"][-1]


def _deciding(hunt: Hunt, end: Answer) -> list[Observation]:
    return [*hunt.seen[end.good], *hunt.seen[end.bad]]


def as_json(hunt: Hunt) -> dict[str, Any]:
    """Everything for programs; ``question`` alone tells whether two bisects are the same."""
    values = hunt.question.candidates
    question = asdict(hunt.question)
    question["candidates"] = [{"value": each.value, "cell": each.cell.id} for each in values]
    question["left_out"] = [each.id for each in hunt.question.left_out]
    question["bad"] = list(hunt.question.bad)
    runs = hunt.runs
    return {
        "question": question,
        "finished": hunt.end is not None,
        "answer": _end(hunt),
        "seen": {
            values[at].value: {"state": search.state(runs.get(at, ())), "runs": [_run(one) for one in seen]}
            for at, seen in sorted(hunt.seen.items())
        },
        "moved": {each.value: each.moved for each in values if each.moved},
        "built": hunt.built,
        "reused": hunt.reused,
        "trail": [
            {
                "value": values[step.at].value,
                "why": step.why,
                "built": tried.built,
                "phases": tried.result.phases,
            }
            for step, tried in hunt.trail
        ],
    }


def _end(hunt: Hunt) -> dict[str, Any]:
    """Where it ended; empty before."""
    values, end = hunt.question.candidates, hunt.end
    if isinstance(end, Stuck):
        return {"stuck": values[end.at].value, "state": end.state}
    if not isinstance(end, Answer):
        return {}
    return {
        "last_good": values[end.good].value,
        "first_bad": values[end.bad].value,
        "exact": end.exact,
        "untold": [values[at].value for at in end.between],
        "good_behind": [values[at].value for at in end.against],
        "also_differ": list(confounders.fields(hunt, end)),
        "packages_differ": confounders.packages(hunt, end),
    }


def _run(seen: Observation) -> dict[str, Any]:
    """One run, without all that was installed: results have that."""
    return {name: value for name, value in asdict(seen).items() if name != "packages"}
