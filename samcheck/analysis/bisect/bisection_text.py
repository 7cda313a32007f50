"""A bisect as text and as JSON (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from samcheck.analysis.bisect import boundary_search, confounders
from samcheck.analysis.bisect.bisection import Bisection, BisectionQuestion
from samcheck.analysis.bisect.boundary_search import Boundary, WrongEnd
from samcheck.analysis.bisect.observations import Observation
from samcheck.guest.outcomes import CellOutcome
from samcheck.matrix.file import shown
from samcheck.units import counted


def announce(question: BisectionQuestion) -> Iterator[str]:
    """Yield what will be searched."""
    values = question.candidates
    ends = f"{values[0].value} (good) to {values[-1].value} (bad)"
    yield f"bisect {question.check} over {len(values)} values of {question.axis}, {ends}"
    yield f"bad: {' or '.join(question.bad) or f'anything other than at {values[0].value}'}"
    for candidate in values:
        if candidate.moved:
            yield f"  {candidate.value}: {candidate.moved}"
    for left_out in question.left_out:
        yield f"  {left_out.id}: left out: {left_out.reason}"


def value_line(bisection: Bisection, at: int) -> str:
    """Return one value with the outcomes of all its runs, oldest first."""
    candidate, observations = bisection.question.candidates[at], bisection.observations.get(at, [])
    texts = [(run.text or run.reason) + (" (stored)" if run.stored else "") for run in observations]
    state = boundary_search.state(bisection.runs.get(at, ())).upper()
    last = observations[-1] if observations else None
    unexpected = last is not None and last.outcome is not None and not last.outcome.is_expected
    why = f": {shown(last.reason, 160)}" if last and unexpected and last.reason else ""
    return f"{candidate.value} [{candidate.cell.id}]: {', '.join(texts)}{why} → {state}"


def _failed(observation: Observation) -> bool:
    return observation.outcome is not None and observation.outcome.is_failure


def conclusion(bisection: Bisection) -> Iterator[str]:
    """Yield the answer, its caveats and its cost."""
    if isinstance(bisection.end, WrongEnd):
        yield from wrong_end(bisection)
    elif isinstance(bisection.end, Boundary):
        yield from _boundary(bisection, bisection.end)
    yield cost(bisection)


def cost(bisection: Bisection) -> str:
    """Return what it took."""
    results = [check_run.result for _, check_run in bisection.trail]
    unbuilt = {result.cell.id for result in results if result.outcome is CellOutcome.BUILD_FAILED}
    ready = len({result.cell.id for result in results} - unbuilt) - bisection.built
    parts = [f"{counted(bisection.built, 'environment')} built"]
    if unbuilt:
        parts.append(f"{len(unbuilt)} could not be built")
    parts.append(f"{ready} reused")
    seconds = sum(sum(result.phases.values()) for result in results)
    checks = f"{counted(len(results), 'run')} of the check"
    return f"{', '.join(parts)}; {checks}, {bisection.reused} more taken from stored results; {seconds:.0f} s"


def wrong_end(bisection: Bisection) -> Iterator[str]:
    """Yield which end is not what it was said to be."""
    end = bisection.end
    if not isinstance(end, WrongEnd):
        return
    wanted = "good" if end.at == 0 else "bad"
    words = {
        "flaky": "is flaky: the same check in the same cell gives different verdicts",
        "untestable": "cannot be tested",
        "good": "is good",
        "bad": "is bad",
    }
    yield f"nothing to bisect: the {wanted} end {words[end.state]}: {value_line(bisection, end.at)}"
    observation = bisection.observations[end.at][-1]
    if end.state == "untestable" and observation.outcome:
        yield f"  if that is what you are looking for: --bad-outcome {observation.outcome}"
    if end.state == "good" and not bisection.question.bad:
        yield f"  the check is {observation.text} at both ends; `samcheck compare` shows which checks differ"


def _boundary(bisection: Bisection, end: Boundary) -> Iterator[str]:
    question = bisection.question
    good, bad = question.candidates[end.good], question.candidates[end.bad]
    now, was = _last_conclusive(bisection, end.bad), _last_conclusive(bisection, end.good)
    first = f"first bad: {question.axis} {bad.value}" + ("" if end.exact else " or before it")
    rest = "" if end.exact else ": cannot be narrowed further"
    yield f"{first} ({now.text}), last good: {good.value} ({was.text}){rest}"
    if now.reason:
        yield f"  {now.text}: {now.reason}"
    yield from _caveats(bisection, end)


def _caveats(bisection: Bisection, end: Boundary) -> Iterator[str]:
    """Yield what makes the answer uncertain."""
    question = bisection.question
    for at in end.between:
        yield f"  undecided: {value_line(bisection, at)}"
    for at in end.good_again:
        yield f"  the outcome changes more than once; this is the first change: {value_line(bisection, at)}"
    failed = [at for at, runs in bisection.observations.items() if at <= end.good and _failed(runs[-1])]
    if failed and question.bad:
        names = ", ".join(question.candidates[at].value for at in sorted(failed))
        yield f"  counted as good although it failed, since only {' or '.join(question.bad)} is bad: {names}"
    differ = confounders.describe(bisection, end)
    if differ:
        hint = confounders.numpy_hint(bisection, end)
        yield f"  these two also differ in {differ}: that may be the cause instead{hint}"
    deciding = [*bisection.observations[end.good], *bisection.observations[end.bad]]
    stale = sorted({run.samcheck for run in deciding if run.stored} - {question.samcheck})
    if stale:
        yield f"  the boundary rests in part on results of another samcheck version: {', '.join(stale)}"
    kinds = sorted({run.environment for run in deciding} - {"", question.environment})
    if kinds and question.environment:
        yield f"  the boundary rests in part on results of another kind of environment: {', '.join(kinds)}"


def _last_conclusive(bisection: Bisection, at: int) -> Observation:
    """Return a value's last run that was good or bad."""
    judged = zip(bisection.observations[at], bisection.runs[at], strict=True)
    return [observation for observation, verdict in judged if verdict != "untestable"][-1]


def as_json(bisection: Bisection) -> dict[str, Any]:
    """Return everything as JSON; two bisects are the same if their ``question`` is."""
    candidates = bisection.question.candidates
    question = asdict(bisection.question)
    question["candidates"] = [
        {"value": candidate.value, "cell": candidate.cell.id} for candidate in candidates
    ]
    question["left_out"] = [left_out.id for left_out in bisection.question.left_out]
    question["bad"] = list(bisection.question.bad)
    question["own_variants"] = list(bisection.question.own_variants)
    runs = bisection.runs
    return {
        "question": question,
        "finished": bisection.end is not None,
        "answer": _end_json(bisection),
        "seen": {
            candidates[at].value: {
                "state": boundary_search.state(runs.get(at, ())),
                "runs": [_observation_json(observation) for observation in observations],
            }
            for at, observations in sorted(bisection.observations.items())
        },
        "moved": {candidate.value: candidate.moved for candidate in candidates if candidate.moved},
        "built": bisection.built,
        "reused": bisection.reused,
        "trail": [
            {
                "value": candidates[probe.at].value,
                "why": probe.why,
                "built": check_run.built,
                "phases": check_run.result.phases,
            }
            for probe, check_run in bisection.trail
        ],
    }


def _end_json(bisection: Bisection) -> dict[str, Any]:
    """Return where it ended; empty while it runs."""
    values, end = bisection.question.candidates, bisection.end
    if isinstance(end, WrongEnd):
        return {"stuck": values[end.at].value, "state": end.state}
    if not isinstance(end, Boundary):
        return {}
    return {
        "last_good": values[end.good].value,
        "first_bad": values[end.bad].value,
        "exact": end.exact,
        "untold": [values[at].value for at in end.between],
        "good_behind": [values[at].value for at in end.good_again],
        "also_differ": list(confounders.fields(bisection, end)),
        "packages_differ": confounders.packages(bisection, end),
    }


def _observation_json(observation: Observation) -> dict[str, Any]:
    """Return one run without its installed packages, which results have."""
    return {name: value for name, value in asdict(observation).items() if name != "packages"}
