"""What goes with an outcome, in words and for programs (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from samcheck.analysis.attribute.causes import Cause
from samcheck.analysis.attribute.conjunction_search import Conjunction, Rule
from samcheck.analysis.attribute.distinguishing_cell import DistinguishingCell
from samcheck.analysis.attribute.literals import Literal
from samcheck.guest.record import CheckOutcome

MOST = 6  # explanations or names in a line


def words(conjunction: Conjunction, nearest: dict[Literal, str] | None = None) -> str:
    """``numpy >= 2.2.6 (not 1.26.4) and torch < 2.4.1 (still 2.2.2)``: what was run on the other side."""
    parts = []
    for literal in conjunction:
        other = (nearest or {}).get(literal)
        side = "not" if literal.relation == ">=" else "still"
        parts.append(f"{literal} ({side} {other})" if other else str(literal))
    return " and ".join(parts) or "everywhere"


def lines(groups: Sequence[Cause], outcome: str, count: int) -> Iterator[str]:
    """For people: each cause with its checks; `count` results were looked at."""
    if not groups:
        yield f"nothing is {outcome} in {count} results"
        return
    sum_of = sum(len(group.checks) for group in groups)
    everywhere = [group for group in groups if group.everywhere]
    yield f"{_count(sum_of, 'check')} {outcome} somewhere in {count} results"
    for group in groups:
        if not group.everywhere:
            yield from _lines(group, outcome)
    if everywhere:
        number = sum(len(group.checks) for group in everywhere)
        yield ""
        yield f"{_count(number, 'check')} {outcome} wherever they were tried: nothing to compare with"


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'s' if number != 1 else ''}"


def _lines(group: Cause, outcome: str) -> Iterator[str]:
    yield ""
    count = len(group.inside) + len(group.outside)
    yield f"{_title(group)}: {outcome} in {len(group.inside)} of {_count(count, 'result')}"
    exact, nearest = group.explanation.exact, dict(group.nearest)
    if len(exact) == 1:
        yield f"  exactly: {words(exact[0], nearest)}"
    elif exact:
        yield f"  cannot be told apart: {_alternatives(exact, nearest)}"
        if group.telling:
            yield f"  {_telling(group.telling, exact)}"
    else:
        yield from _near(group)
    for options in group.narrow:
        wanted = f" --bad-outcome {outcome}" if CheckOutcome(outcome).is_inconclusive else ""
        yield f'  narrow it: samcheck bisect --check "{group.checks[0]}" {" ".join(options)}{wanted}'
    if group.which:
        yield f"  checks: {_alternatives(group.which)}"
    if group.defects:
        yield f"  defects: {_some(group.defects)}"
    yield f"  cells: {_some(sorted({case.id for case in group.inside}))}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return ", ".join(names[:MOST]) + more


def _alternatives(found: Sequence[Conjunction], nearest: dict[Literal, str] | None = None) -> str:
    more = f" | {len(found) - MOST} more" if len(found) > MOST else ""
    return " | ".join(words(each, nearest) for each in found[:MOST]) + more


def _title(group: Cause) -> str:
    if len(group.checks) == 1:
        return group.checks[0]
    kinds = _some([f"{number} {name}" for name, number in group.by_group.items()])
    return f"{len(group.checks)} checks of {group.tried} tried there ({kinds})"


def _telling(telling: DistinguishingCell, exact: Sequence[Conjunction]) -> str:
    if telling.cell is None:
        return "no cell that can exist would tell"
    where = f"on {telling.device}" + (f", driver {telling.driver}" if telling.driver != "none" else "")
    yes = [each for each, expected in zip(exact, telling.expected, strict=True) if expected]
    return f"a cell that would tell: {telling.cell.id} {where}: it is there if it is {_alternatives(yes)}"


def _near(group: Cause) -> Iterator[str]:
    if not group.explanation.union:
        yield "  no rule of up to three conditions explains these cells"
    for rule in group.explanation.union:
        yield f"  one of: {_rule(rule, len(group.inside))}"
    if group.explanation.union:
        yield "  no single rule is exact; other rules than these may fit as well"
    if group.explanation.union and group.explanation.unexplained:
        yield f"  unexplained: {_some([group.inside[at].id for at in group.explanation.unexplained])}"


def _rule(rule: Rule, count: int) -> str:
    wrong = f", and of {rule.wrong} where it is not so" if rule.wrong else ""
    return f"{words(rule.literals)} (true of {rule.covers} of the {_count(count, 'result')}{wrong})"


def as_json(groups: Sequence[Cause]) -> list[dict[str, Any]]:
    """For programs."""
    return [_json(group) for group in groups]


def _json(group: Cause) -> dict[str, Any]:
    found = group.explanation
    union = [(rule, _literals(rule.literals)) for rule in found.union]
    return {
        "checks": list(group.checks),
        "tried": group.tried,
        "cells": sorted({case.id for case in group.inside}),
        "not_in": sorted({case.id for case in group.outside}),
        "exact": [_literals(each) for each in found.exact],
        "union": [{"if": said, "covers": rule.covers, "wrong": rule.wrong} for rule, said in union],
        "unexplained": [group.inside[at].id for at in found.unexplained],
        "nearest": {str(literal): value for literal, value in group.nearest},
        "checks_are": [_literals(each) for each in group.which],
        "defects": list(group.defects),
        "telling": _telling_json(group.telling),
        "narrow": [list(options) for options in group.narrow],
    }


def _literals(conjunction: Conjunction) -> list[str]:
    return [str(each) for each in conjunction]


def _telling_json(telling: DistinguishingCell | None) -> dict[str, Any] | None:
    if telling is None:
        return None
    return {
        "cell": telling.cell.id if telling.cell else None,
        "device": telling.device,
        "driver": telling.driver,
        "expected": list(telling.expected),
    }
