"""The declarations of a matrix file: its cells, its space of combinations, its rules (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

from pydantic import ValidationError

from samcheck.cells import DEFAULT_SAM, Cell, matches
from samcheck.facts import Facts, compatibility, gpu_support
from samcheck.facts.compatibility import AXES, Constraint, Obstacle
from samcheck.facts.schema import ObstacleKind
from samcheck.facts.target_machine import Machine
from samcheck.matrix import axes
from samcheck.matrix.file import SPEC, TABLES, CellTable, Conditions, MatrixFile
from samcheck.matrix.space import Space

#: Rule of an obstacle → the field that a user would change; of the others it is the Python.
_FIELDS = {"cuda-build-absent": "cuda", "numpy-no-wheel": "numpy"}


@dataclass(frozen=True)
class World:
    """The context in which a file is read: the facts, and the machine that the plan is for."""

    facts: Facts
    host: Machine


def impossible(raw: Mapping[str, Any], facts: Facts) -> Iterator[str]:
    """Yield what the facts say against each well-formed table, even if others are malformed."""
    for name in ("cell", "include"):
        for index, row in _well_formed(raw, name):
            assert isinstance(row, CellTable)
            yield from (f"{name}[{index}].{problem}" for problem in _against_cell(row, facts))
    for name in ("exclude", "tag"):
        rows = raw.get(name)
        for index, row in enumerate(rows if isinstance(rows, list) else []):
            yield from (f"{name}[{index}].{problem}" for problem in _bad_specs(row, facts))
    yield from (f"axes.{problem}" for problem in _bad_specs(raw.get("axes"), facts))


def _well_formed(raw: Mapping[str, Any], name: str) -> Iterator[tuple[int, object]]:
    rows = raw.get(name)
    for index, entry in enumerate(rows if isinstance(rows, list) else []):
        try:
            yield index, TABLES[name].model_validate(entry)
        except ValidationError:
            continue


def _against_cell(row: CellTable, facts: Facts) -> Iterator[str]:
    """Yield why a declared cell cannot be installed. One that installs but cannot work may be intended."""
    if facts.release(row.torch) is None:
        try:
            axes.select("torch", [row.torch], facts)
        except axes.BadSpec as problem:
            yield f"torch: {problem}"
        return
    release = facts.release(row.torch)
    assert release is not None
    cuda = release.default_build.tag if row.cuda in ("auto", "default") else row.cuda
    try:
        sam = axes.package(row.sam, facts)
    except axes.BadSpec as problem:
        yield f"sam: {problem}"
        sam = DEFAULT_SAM
    cell = Cell(row.torch, cuda, row.python, row.numpy, sam)
    for obstacle in compatibility.obstacles(cell, facts):
        if obstacle.kind is ObstacleKind.INSTALL:
            field = "sam" if obstacle.rule.startswith("sam-") else _FIELDS.get(obstacle.rule, "python")
            yield f"{field}: {obstacle.text}"


def _bad_specs(table: object, facts: Facts) -> Iterator[str]:
    """Yield what is wrong with the well-formed axis specs in a table, whatever else it contains."""
    for axis, given in table.items() if isinstance(table, dict) else ():
        for spec in given if isinstance(given, list) else [given]:
            if axis not in AXES or not isinstance(spec, str) or not re.fullmatch(SPEC, spec):
                continue  # reported elsewhere
            try:
                if axis == "cuda":
                    axes.builds([spec], facts.releases[-1], facts, Machine())
                else:
                    axes.select(axis, [spec], facts)
            except axes.BadSpec as problem:
                yield f"{axis}: {problem}"


def cell(row: CellTable, world: World) -> Cell:
    """Return the cell that a table means on the machine."""
    release = world.facts.release(row.torch)
    assert release is not None  # `impossible` has refused the others
    (cuda,) = axes.builds([row.cuda], release, world.facts, world.host)
    return Cell(row.torch, cuda, row.python, row.numpy, axes.package(row.sam, world.facts))


def fits(conditions: Conditions, one: Cell, facts: Facts) -> bool:
    """Return whether a rule applies to a cell."""
    if conditions.match is not None and not matches(one, conditions.match):
        return False
    if one.own and conditions.on_axes and not one.torch:
        return False  # nobody knows yet what is in it
    values = compatibility.fields(one)
    return all(axes.fits(axis, specs, values[axis], facts) for axis, specs in conditions.on_axes.items())


def space(declared: MatrixFile, world: World) -> Space:
    """Return the combinations among which the strategy chooses; without axes, an empty space."""
    if declared.axes is None:
        return Space({}, ())
    facts, given = world.facts, declared.axes
    torch = axes.select("torch", given.torch, facts)
    wanted = {
        version: axes.builds(given.cuda, release, facts, world.host)
        for version in torch
        if (release := facts.release(version))
    }
    tags = {tag for builds in wanted.values() for tag in builds}
    values = {
        "torch": torch,
        "cuda": tuple(tag for tag in (*axes.known("cuda", facts), "cpu") if tag in tags),
        **{axis: axes.select(axis, getattr(given, axis), facts) for axis in ("python", "numpy", "sam")},
    }
    constraints = (
        *compatibility.constraints(facts),
        _only_wanted(wanted),
        *_on_host(world),
        *(_excluded(rule, facts) for rule in declared.exclude),
    )
    return Space(values, constraints)


def idle(declared: MatrixFile, listed: Sequence[Cell], world: World) -> Iterator[str]:
    """Yield a note for each rule that matches no cell, which is rarely intended."""
    facts = world.facts
    without = declared.model_copy(update={"exclude": []})
    for name, rules_ in (("exclude", declared.exclude), ("tag", declared.tag)):
        for index, rule in enumerate(rules_):
            if any(fits(rule, cell, facts) for cell in listed):
                continue
            if not _fits_some(rule, space(without, world), facts):
                yield f"{name}[{index}] matches no cell that could be chosen"


def _fits_some(rule: Conditions, whole: Space, facts: Facts) -> bool:
    """Return whether a rule applies to any combination; an id pattern is tried on the first 20,000 only."""
    if not whole.axes:
        return False
    narrowed = {
        axis: tuple(value for value in values if axes.fits(axis, rule.on_axes[axis], value, facts))
        if axis in rule.on_axes
        else values
        for axis, values in whole.axes.items()
    }
    combinations = Space(narrowed, whole.constraints).combinations()
    if rule.match is None:
        return next(combinations, None) is not None
    return any(matches(Cell(**row), rule.match) for row in islice(combinations, 20_000))


def _only_wanted(wanted: Mapping[str, tuple[str, ...]]) -> Constraint:
    """Build the constraint for specs such as ``cuda = "default"``, which mean another build per release."""

    def obstacle(torch: str, cuda: str) -> Obstacle | None:
        if cuda in wanted[torch]:
            return None
        text = f"for PyTorch {torch} the matrix asks for {' and '.join(wanted[torch])}, not {cuda}"
        return Obstacle("matrix", ObstacleKind.CHOICE, text)

    return Constraint(("torch", "cuda"), obstacle)


def _on_host(world: World) -> Iterator[Constraint]:
    """Yield the constraint of the machine's driver and GPU, if it has any."""

    @cache
    def obstacle(torch: str, cuda: str) -> Obstacle | None:
        obstacles = gpu_support.obstacles(Cell(torch, cuda, ""), world.host, world.facts)
        return next(iter(gpu_support.hard(obstacles)), None)

    if world.host:
        yield Constraint(("torch", "cuda"), obstacle)


def _excluded(rule: Any, facts: Facts) -> Constraint:
    """Convert an exclude rule. One with a pattern needs the whole cell, others only the axes they name."""
    named = AXES if rule.match is not None else tuple(rule.on_axes)
    said = Obstacle("exclude", ObstacleKind.CHOICE, rule.reason)
    about = {axis: cache(_about(axis, specs, facts)) for axis, specs in rule.on_axes.items()}

    def obstacle(*values: str) -> Obstacle | None:
        by_axis = dict(zip(named, values, strict=True))
        if not all(test(by_axis[axis]) for axis, test in about.items()):
            return None
        if rule.match is not None and not matches(Cell(**by_axis), rule.match):
            return None
        return said

    return Constraint(named, obstacle)


def _about(axis: str, specs: Sequence[str], facts: Facts) -> Any:
    return lambda value: axes.fits(axis, specs, value, facts)
