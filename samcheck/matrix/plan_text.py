"""A plan as text for people, and as JSON for programs (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from samcheck.facts import Facts, driver_support
from samcheck.facts.compatibility import Obstacle
from samcheck.facts.schema import ObstacleKind
from samcheck.matrix.pair_coverage import Coverage
from samcheck.matrix.planner import Plan, PlannedCell, against
from samcheck.matrix.space import Pair

#: Lines shown of a long list; the rest is only counted, except with --all.
SHOWN = 15


def lines(plan: Plan, facts: Facts, everything: bool = False) -> Iterator[str]:
    """Yield the plan in lines: cells, what is left out and why, what is covered and what is not."""
    most = 10**9 if everything else SHOWN
    yield _title(plan)
    for row in plan.cells:
        yield "  " + _cell(row)
    yield from (f"note: {note}" for note in plan.notes)
    yield from _host(plan, facts)
    yield from _left_out(plan, most)
    if plan.coverage is not None:
        yield from _coverage(plan.coverage, most)


def _title(plan: Plan) -> str:
    minutes = sum(row.minutes for row in plan.cells if not row.spare)
    if not plan.cells:
        return f"matrix {plan.name}: no cell is left on {plan.host}, {plan.strategy}; reasons below"
    text = f"matrix {plan.name}: {len(plan.cells)} cells, tier {plan.tier}, {plan.strategy}"
    text += f", about {minutes:.0f} minutes one after another"
    return text + (f", within a budget of {plan.budget}" if plan.budget else "")


def _cell(row: PlannedCell) -> str:
    tags = f" [{' '.join(row.tags)}]" if row.tags else ""
    spare = ", spare" if row.spare else ""
    return f"{row.cell.id}{tags}: {row.minutes:.1f} min, {row.why}{spare}"


#: The worst first; a cell is listed under its worst obstacle's kind.
VERDICTS = {
    ObstacleKind.INSTALL: "cannot be installed",
    ObstacleKind.RUN: "cannot work",
    ObstacleKind.HOST: "cannot run there",
    ObstacleKind.DOUBT: "not certain",
    ObstacleKind.SOFT: "with limits",
}


def _host(plan: Plan, facts: Facts) -> Iterator[str]:
    """Yield the obstacles to the cells, in general and on the machine, with each cell under its worst."""
    if not plan.host:
        yield "planned for a machine without a GPU; use --gpu and --driver to plan for another"
    for condition in driver_support.conditions(plan.host, facts):
        yield f"the machine needs: {condition}"
    by_obstacle: dict[Obstacle, list[str]] = {}
    counts: dict[str, int] = {}
    for row in plan.cells:
        obstacles = against(row, plan.host, facts)
        worst = next((kind for kind in VERDICTS if any(obstacle.kind == kind for obstacle in obstacles)), "")
        counts[worst] = counts.get(worst, 0) + 1
        for obstacle in obstacles:
            if obstacle.kind == worst:
                by_obstacle.setdefault(obstacle, []).append(row.cell.id)
    if plan.host and plan.cells:
        parts = [f"{counts.get('', 0)} of {len(plan.cells)} cells run without limits"]
        parts += [f"{counts[kind]} {words}" for kind, words in VERDICTS.items() if kind in counts]
        yield f"on {plan.host}: {', '.join(parts)}"
    for obstacle, ids in by_obstacle.items():
        yield f"  {VERDICTS[obstacle.kind]}: {', '.join(ids)}: {obstacle}"


def _left_out(plan: Plan, most: int) -> Iterator[str]:
    if plan.left_out:
        yield f"left out: {len(plan.left_out)} cells"
    yield from _first((f"  {left.id}: {left.reason}" for left in plan.left_out), most, len(plan.left_out))


def _coverage(seen: Coverage, most: int) -> Iterator[str]:
    sizes = " × ".join(f"{len(values)} {axis}" for axis, values in seen.values.items())
    yield f"axes: {sizes} = {seen.raw} combinations"
    for axis, counts in seen.values.items():
        parts = (f"{value or 'auto'} in {count}" for value, count in counts.items())
        yield f"  {axis}: {', '.join(parts)}"
    yield f"pairs: {len(seen.covered)} of {seen.possible} possible pairs are covered"
    if seen.uncovered:
        yield f"not covered: {len(seen.uncovered)}"
    yield from _first((f"  {pair(both)}" for both in seen.uncovered), most, len(seen.uncovered))
    # `cuda = "auto"` takes one build of each release and so rules out the others: not worth listing.
    impossible = {both: why for both, why in seen.impossible.items() if why.rule != "matrix"}
    rows = list(grouped(impossible.items()))
    if rows:
        yield f"left out: {len(impossible)} pairs"
    yield from _first((f"  {row}" for row in rows), most, len(rows))


def _first(lines: Iterable[str], most: int, count: int) -> Iterator[str]:
    for place, line in enumerate(lines):
        if place == most:
            yield f"  and {count - most} more; --all shows them"
            return
        yield line


def pair(both: Pair) -> str:
    """Format a pair, as in ``torch 2.4.1 with python 3.12``."""
    return " with ".join(f"{axis} {value or 'auto'}" for axis, value in both)


def grouped(impossible: Iterable[tuple[Pair, Obstacle]]) -> Iterator[str]:
    """Yield one line for all values of an axis that one value of another rules out by the same rule."""

    def key(entry: tuple[Pair, Obstacle]) -> tuple[str, ...]:
        (one, other), obstacle = entry
        return (*one, other[0], obstacle.rule, obstacle.kind)

    for _, entries in groupby(impossible, key):
        rows = list(entries)
        (one, other), obstacle = rows[0]
        values = ", ".join(both[1][1] or "auto" for both, _ in rows)
        yield f"{one[0]} {one[1]} with {other[0]} {values}: {obstacle}"


def as_json(plan: Plan, facts: Facts) -> dict[str, Any]:
    """Return the whole plan in plain types."""
    return {
        "matrix": plan.name,
        "tier": plan.tier,
        "strategy": plan.strategy,
        "budget": {"cells": plan.budget.cells, "minutes": plan.budget.minutes},
        "host": {
            "gpus": [{"name": gpu.name, "capability": gpu.capability} for gpu in plan.host.gpus],
            "driver": plan.host.driver,
        },
        "cells": [_cell_json(row, plan, facts) for row in plan.cells],
        "notes": list(plan.notes),
        "left_out": [{"id": left.id, "reason": left.reason} for left in plan.left_out],
        "coverage": None if plan.coverage is None else _coverage_json(plan.coverage),
    }


def _cell_json(row: PlannedCell, plan: Plan, facts: Facts) -> dict[str, Any]:
    return {
        "id": row.cell.id,
        "torch": row.cell.torch,
        "cuda": row.cell.cuda,
        "python": row.cell.python,
        "numpy": row.cell.numpy,
        "sam": row.cell.sam,
        "tags": list(row.tags),
        "spare": row.spare,
        "why": row.why,
        "minutes": row.minutes,
        "obstacles": [obstacle_json(obstacle) for obstacle in against(row, plan.host, facts)],
    }


def obstacle_json(obstacle: Obstacle) -> dict[str, Any]:
    return {
        "rule": obstacle.rule,
        "kind": obstacle.kind,
        "text": obstacle.text,
        "source": list(obstacle.source),
    }


def _coverage_json(seen: Coverage) -> dict[str, Any]:
    return {
        "combinations": seen.raw,
        "values": {axis: dict(counts) for axis, counts in seen.values.items()},
        "pairs_possible": seen.possible,
        "pairs_covered": len(seen.covered),
        "uncovered": [dict(both) for both in seen.uncovered],
        "impossible": [
            {"pair": dict(both), **obstacle_json(obstacle)} for both, obstacle in seen.impossible.items()
        ],
    }
