"""What goes with an outcome, as text and as JSON (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from samcheck.analysis.attribute.causes import Cause
from samcheck.analysis.attribute.conjunction_search import Conjunction, Rule
from samcheck.analysis.attribute.distinguishing_cell import DistinguishingCell
from samcheck.analysis.attribute.literals import Literal
from samcheck.guest.outcomes import CheckOutcome
from samcheck.units import counted

MOST = 6  # explanations or names in a line


def words(conjunction: Conjunction, nearest: dict[Literal, str] | None = None) -> str:
    """Return e.g. ``numpy >= 2.2.6 (1.26.4 is not affected) and torch < 2.4.1 (2.2.2 is affected)``."""
    parts = []
    for literal in conjunction:
        beyond = (nearest or {}).get(literal)
        side = "is not affected" if literal.relation == ">=" else "is affected"
        parts.append(f"{literal} ({beyond} {side})" if beyond else str(literal))
    return " and ".join(parts) or "everywhere"


def lines(causes: Sequence[Cause], outcome: str, count: int) -> Iterator[str]:
    """Yield each cause with its checks, as text; `count` results were examined."""
    if not causes:
        yield f"no check is {outcome} in {count} results"
        return
    total = sum(len(cause.checks) for cause in causes)
    everywhere = [cause for cause in causes if cause.everywhere]
    yield f"{counted(total, 'check')} {outcome} in at least one of {count} results"
    for cause in causes:
        if not cause.everywhere:
            yield from _lines(cause, outcome)
    if everywhere:
        number = sum(len(cause.checks) for cause in everywhere)
        yield ""
        yield f"{counted(number, 'check')} {outcome} wherever they were tried: nothing to compare with"


def _lines(cause: Cause, outcome: str) -> Iterator[str]:
    yield ""
    count = len(cause.inside) + len(cause.outside)
    yield f"{_title(cause)}: {outcome} in {len(cause.inside)} of {counted(count, 'result')}"
    exact, nearest = cause.explanation.exact, dict(cause.nearest)
    if len(exact) == 1:
        yield f"  exactly: {words(exact[0], nearest)}"
    elif exact:
        yield f"  equally good explanations: {_alternatives(exact, nearest)}"
        if cause.distinguishing_cell:
            yield f"  {_distinguishing(cause.distinguishing_cell, exact)}"
    else:
        yield from _approximate_rules(cause)
    for options in cause.bisections:
        wanted = f" --bad-outcome {outcome}" if CheckOutcome(outcome).is_inconclusive else ""
        yield f'  narrow it down: samcheck bisect --check "{cause.checks[0]}" {" ".join(options)}{wanted}'
    if cause.common_traits:
        yield f"  checks: {_alternatives(cause.common_traits)}"
    if cause.defects:
        yield f"  defects: {_some(cause.defects)}"
    yield f"  cells: {_some(sorted({case.id for case in cause.inside}))}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return ", ".join(names[:MOST]) + more


def _alternatives(conjunctions: Sequence[Conjunction], nearest: dict[Literal, str] | None = None) -> str:
    more = f" | {len(conjunctions) - MOST} more" if len(conjunctions) > MOST else ""
    return " | ".join(words(conjunction, nearest) for conjunction in conjunctions[:MOST]) + more


def _title(cause: Cause) -> str:
    if len(cause.checks) == 1:
        return cause.checks[0]
    kinds = _some([f"{number} {name}" for name, number in cause.by_group.items()])
    return f"{len(cause.checks)} checks of {cause.tried} tried there ({kinds})"


def _distinguishing(proposed: DistinguishingCell, exact: Sequence[Conjunction]) -> str:
    if proposed.cell is None:
        return "no possible cell can tell them apart"
    where = f"on {proposed.device}" + (f", driver {proposed.driver}" if proposed.driver != "none" else "")
    expecting = [part for part, expected in zip(exact, proposed.expected, strict=True) if expected]
    return (
        f"a cell that tells them apart: {proposed.cell.id} {where}: "
        f"affected if it is {_alternatives(expecting)}"
    )


def _approximate_rules(cause: Cause) -> Iterator[str]:
    explanation = cause.explanation
    if not explanation.union:
        yield "  no rule of up to three conditions explains these cells"
        return
    for rule in explanation.union:
        yield f"  one of: {_rule(rule, len(cause.inside))}"
    yield "  no single rule is exact; other rules may match as well"
    if explanation.unexplained:
        yield f"  unexplained: {_some([cause.inside[at].id for at in explanation.unexplained])}"


def _rule(rule: Rule, count: int) -> str:
    wrong = f", and of {rule.wrong} without the outcome" if rule.wrong else ""
    return f"{words(rule.literals)} (true of {rule.covers} of the {counted(count, 'result')}{wrong})"


def as_json(causes: Sequence[Cause]) -> list[dict[str, Any]]:
    """Return the causes as JSON."""
    return [_json(cause) for cause in causes]


def _json(cause: Cause) -> dict[str, Any]:
    explanation = cause.explanation
    union = [(rule, _literals(rule.literals)) for rule in explanation.union]
    return {
        "checks": list(cause.checks),
        "tried": cause.tried,
        "cells": sorted({case.id for case in cause.inside}),
        "not_in": sorted({case.id for case in cause.outside}),
        "exact": [_literals(conjunction) for conjunction in explanation.exact],
        "union": [
            {"if": conditions, "covers": rule.covers, "wrong": rule.wrong} for rule, conditions in union
        ],
        "unexplained": [cause.inside[at].id for at in explanation.unexplained],
        "nearest": {str(literal): value for literal, value in cause.nearest},
        "checks_are": [_literals(conjunction) for conjunction in cause.common_traits],
        "defects": list(cause.defects),
        "telling": _distinguishing_json(cause.distinguishing_cell),
        "narrow": [list(options) for options in cause.bisections],
    }


def _literals(conjunction: Conjunction) -> list[str]:
    return [str(literal) for literal in conjunction]


def _distinguishing_json(proposed: DistinguishingCell | None) -> dict[str, Any] | None:
    if proposed is None:
        return None
    return {
        "cell": proposed.cell.id if proposed.cell else None,
        "device": proposed.device,
        "driver": proposed.driver,
        "expected": list(proposed.expected),
    }
