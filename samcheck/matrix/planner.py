"""A matrix file → a plan: the cells to run and those left out, each with its reason (pure).

All problems of a file, in its form or its declarations, are reported together, each with its path, before
anything runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from samcheck.cells import Cell, LeftOut, matches
from samcheck.environments.own.declaration import OwnEnvironment
from samcheck.environments.own_variant import OwnVariant
from samcheck.errors import BadInput, EmptySelection
from samcheck.facts import Facts, compatibility, gpu_support
from samcheck.facts.target_machine import NO_GPU, Machine
from samcheck.matrix import covering, declared, file, pair_coverage, ranking, variant_tables
from samcheck.matrix import own as own_environments
from samcheck.matrix.declared import World
from samcheck.matrix.file import EnvironmentTable, MatrixFile, Tier
from samcheck.matrix.pair_coverage import Coverage
from samcheck.matrix.ranking import NO_LIMIT, Budget
from samcheck.matrix.run_history import NONE, History
from samcheck.matrix.space import Space
from samcheck.suggestions import did_you_mean


@dataclass(frozen=True)
class PlannedCell:
    """A cell to run.

    Attributes:
        tags: tags of its row.
        spare: whether it only replaces others that cannot be built.
        why: why it is in the plan.
        minutes: estimated run time.
        own: the user's own environment that it is, if it is one.
    """

    cell: Cell
    tags: tuple[str, ...] = ()
    spare: bool = False
    why: str = "declared"
    minutes: float = 0.0
    own: OwnEnvironment | None = None


@dataclass(frozen=True)
class Plan:
    """The plan for a matrix file on one machine.

    Attributes:
        left_out: cells that were declared or chosen but do not run.
        wanted: the number of built cells above which spare cells are not needed.
        coverage: coverage of the axes' values and pairs; None without axes.
        notes: parts of the file that have no effect.
        variants: the user's own.
    """

    name: str
    tier: Tier
    cells: tuple[PlannedCell, ...]
    left_out: tuple[LeftOut, ...] = ()
    wanted: int = 0
    strategy: str = "listed"
    budget: Budget = NO_LIMIT
    coverage: Coverage | None = None
    host: Machine = NO_GPU
    notes: tuple[str, ...] = ()
    variants: tuple[OwnVariant, ...] = ()


def plan(
    path: Path, facts: Facts, host: Machine, history: History = NONE, budget: Budget | None = None
) -> Plan:
    """Plan the matrix at `path` for `host`; `budget` overrides the file's.

    Raises:
        BadInput: the file is malformed, or declares what cannot exist; lists every problem with its path
            in the file.
    """
    given, world = read(path, facts), World(facts, host)
    if budget is None:
        budget = Budget(given.budget.cells, given.budget.minutes)
    own, variants = _users_own(given, path, facts)
    listed = [*_listed(given, world), *own]
    _refuse_duplicates(path.name, [row.cell.id for row in listed])
    kept, left_out = _exclude(given, listed, facts)
    space = declared.space(given, world)
    try:
        fixed = [compatibility.fields(row.cell) for row in kept if not row.own]
        rows = covering.choose(space, given.strategy, fixed)
    except BadInput as problem:
        raise BadInput(f"{path.name}: {problem}") from None
    by_hand = {row.cell for row in kept}
    made = [cell for row in rows if (cell := Cell(**row)) not in by_hand]
    chosen, beyond = _within(kept, made, budget, (history, facts, given.tier))
    return Plan(
        path.stem,
        given.tier,
        tuple(_tagged(row, given, facts) for row in chosen),
        (*left_out, *beyond),
        given.wanted,
        given.strategy,
        budget,
        _coverage(space, chosen),
        host,
        tuple(declared.idle(given, [row.cell for row in listed], world)),
        variants,
    )


def read(path: Path, facts: Facts) -> MatrixFile:
    """Read and validate the file: it must be well formed, and what it declares must be possible.

    Raises:
        BadInput: the file is invalid; lists every problem.
    """
    raw = file.parse(path)
    problems = [*file.malformed(raw), *declared.impossible(raw, facts)]
    if problems:
        raise BadInput("\n".join(f"{path.name}: {problem}" for problem in problems))
    return MatrixFile.model_validate(raw)


def shipped(folder: Path, facts: Facts, host: Machine) -> list[Plan]:
    """Plan all matrix files in `folder` without their budgets, ``default`` first."""
    paths = sorted(folder.glob("*.toml"), key=lambda path: (path.stem != "default", path.stem))
    return [plan(path, facts, host, budget=NO_LIMIT) for path in paths]


def select(whole: Plan, patterns: Sequence[str], tags: Sequence[str] = ()) -> Plan:
    """Return the part of a plan that matches one of the patterns and one of the tags; all if none are given.

    Raises:
        EmptySelection: nothing is left.
    """
    chosen = whole.cells
    if tags:
        chosen = tuple(row for row in chosen if set(tags) & set(row.tags))
    if patterns:  # naming a spare cell requests it
        chosen = tuple(
            replace(row, spare=False)
            for row in chosen
            if any(matches(row.cell, pattern) for pattern in patterns)
        )
    if not chosen:
        raise EmptySelection(_nothing_selected(whole, patterns, tags))
    return replace(whole, cells=chosen)


def _nothing_selected(whole: Plan, patterns: Sequence[str], tags: Sequence[str]) -> str:
    ids = [row.cell.id for row in whole.cells]
    hint = next(filter(None, (did_you_mean(pattern, ids, lead="; ") for pattern in patterns)), ".")
    wanted = ", ".join((*patterns, *(f"tag {tag}" for tag in tags)))
    if not ids:
        reason = f": {whole.left_out[0].reason}" if whole.left_out else ""
        return f"matrix {whole.name}: no cell is left on {whole.host}{reason}; see `samcheck plan`"
    return f"matrix {whole.name}: no cell matches {wanted}{hint} Its cells: {', '.join(ids)}"


def _listed(given: MatrixFile, world: World) -> list[PlannedCell]:
    cells = [PlannedCell(declared.cell(row, world), tuple(row.tags), row.spare) for row in given.cell]
    return cells + [
        PlannedCell(declared.cell(row, world), tuple(row.tags), row.spare, row.reason)
        for row in given.include
    ]


def _users_own(
    given: MatrixFile, path: Path, facts: Facts
) -> tuple[list[PlannedCell], tuple[OwnVariant, ...]]:
    """Return the environments and the variants of the user's own that the file declares.

    Raises:
        BadInput: lists everything that is wrong with them, with its path in the file.
    """
    try:
        variants = variant_tables.read(given.variant, path.parent)
        own = own_environments.cells(given.environment, path.parent, facts)
        return [_own(*row) for row in own], variants
    except BadInput as problem:
        raise BadInput("\n".join(f"{path.name}: {line}" for line in str(problem).splitlines())) from None


def _own(cell: Cell, own: OwnEnvironment, row: EnvironmentTable) -> PlannedCell:
    return PlannedCell(cell, tuple(row.tags), why=own.title, own=own)


def _refuse_duplicates(name: str, ids: list[str]) -> None:
    twice = sorted({id for id in ids if ids.count(id) > 1})
    if twice:
        raise BadInput(f"{name}: declared more than once: {', '.join(twice)}")


def _exclude(
    given: MatrixFile, listed: Iterable[PlannedCell], facts: Facts
) -> tuple[list[PlannedCell], list[LeftOut]]:
    """Apply the file's exclude rules to the cells that it lists."""
    kept, left_out = [], []
    for row in listed:
        rule = next((rule for rule in given.exclude if declared.fits(rule, row.cell, facts)), None)
        if rule is None:
            kept.append(row)
        else:
            left_out.append(LeftOut(row.cell.id, rule.reason))
    return kept, left_out


def _within(
    by_hand: Sequence[PlannedCell],
    made: Sequence[Cell],
    budget: Budget,
    ground: tuple[History, Facts, Tier],
) -> tuple[list[PlannedCell], list[LeftOut]]:
    """Split the cells by the budget: listed cells come first, then the others by worth."""
    history, facts, tier = ground
    covered = (
        pair_coverage.pairs_of(compatibility.fields(row.cell), compatibility.AXES)
        for row in by_hand
        if not row.own
    )
    history = replace(history, tried=history.tried.union(*covered))
    rows = [replace(row, minutes=history.minutes(row.cell, tier)) for row in by_hand]
    rows += [
        PlannedCell(ranked.cell, why=ranked.why, minutes=history.minutes(ranked.cell, tier))
        for ranked in ranking.rank(made, history, facts)
    ]
    within = list(budget.within([row.minutes for row in rows]))
    beyond = [
        LeftOut(row.cell.id, f"beyond the budget of {budget}: ranked {place + 1} of {len(rows)} ({row.why})")
        for place, row in enumerate(rows)
        if not within[place]
    ]
    return [row for row, inside in zip(rows, within, strict=True) if inside], beyond


def _tagged(row: PlannedCell, given: MatrixFile, facts: Facts) -> PlannedCell:
    named = [tag.name for tag in given.tag if declared.fits(tag, row.cell, facts)]
    return replace(row, tags=tuple(sorted({*row.tags, *given.tags, *named})))


def _coverage(space: Space, chosen: Sequence[PlannedCell]) -> Coverage | None:
    if not space.axes:
        return None
    return pair_coverage.measure(space, [compatibility.fields(row.cell) for row in chosen if not row.own])


def against(row: PlannedCell, host: Machine, facts: Facts) -> tuple[compatibility.Obstacle, ...]:
    """Return the obstacles to a planned cell, in general and on a machine.

    What is in an environment of the user's own is known in advance only where it is pinned.
    """
    if not row.cell.torch:
        return ()
    return (*compatibility.obstacles(row.cell, facts), *gpu_support.obstacles(row.cell, host, facts))
