"""Side effects of a change, and remedies for what it breaks (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from samcheck.analysis.advise import surroundings
from samcheck.analysis.advise.cell_changes import CellChange
from samcheck.analysis.advise.question import TITLES, UpgradeQuestion
from samcheck.cells import Cell
from samcheck.errors import BuildFailed
from samcheck.facts import Facts, compatibility, gpu_support, version_of
from samcheck.facts.hardware_schema import DriverFloor
from samcheck.facts.requirements import numpy_of, resolve
from samcheck.facts.sam_packages import name_of
from samcheck.facts.schema import ObstacleKind
from samcheck.facts.target_machine import Machine
from samcheck.matrix import explain


def implied_changes(change: CellChange, question: UpgradeQuestion, facts: Facts) -> Iterator[str]:
    """Yield what else the change brings, and the driver that it requires."""
    if any(
        obstacle.kind is ObstacleKind.INSTALL for obstacle in compatibility.obstacles(change.after, facts)
    ):
        return
    contents = question.contents
    if change.before.cuda != change.after.cuda and not contents:
        yield f"CUDA build {change.before.cuda} -> {change.after.cuda}"
    old, new = _pins(change.before, facts), _pins(change.after, facts)
    own = {*question.steps, name_of(change.after.sam)}
    for name, version in new.items():
        if name not in own and old.get(name, version) != version and not contents:
            yield f"{name} {old[name]} -> {version}"
    if not contents:  # else what is beside SAM is known, and judged
        yield from _companions(change, question, facts)
    yield from surroundings.changes(change, question.installed, facts)
    floor = required_driver(change, question, facts)
    if floor:
        yield f"on a GPU: {at_least(floor)} (driver-too-old; source: {', '.join(floor.source)})"


def _companions(change: CellChange, question: UpgradeQuestion, facts: Facts) -> Iterator[str]:
    """Yield the packages beside SAM that cannot stay as they are, or cannot be the newest any more."""
    old, new = numpy_of(change.before, facts), numpy_of(change.after, facts)
    for row in facts.companions:
        if not new or change.after.python not in SpecifierSet(row.python) or new in SpecifierSet(row.numpy):
            continue
        error = f", else {row.symptom}" if row.symptom else ""
        why = f"{row.versions} needs NumPy {row.numpy}, not {new}{error} (source: {', '.join(row.source)})"
        for name in row.names:
            now = question.installed.get(name, "")
            if now and version_of(now) in SpecifierSet(row.versions):
                yield f"{name} {now} -> {row.instead}: {why}"
        if not question.installed and old and old in SpecifierSet(row.numpy):
            yield f"{row.names[0]}, if you use it -> {row.instead}: {why}"


def required_driver(change: CellChange, question: UpgradeQuestion, facts: Facts) -> DriverFloor | None:
    """Return the driver that the change requires, if the question does not name the driver."""
    floor = _floor(change.after, facts)
    return None if question.after.driver or floor == _floor(change.before, facts) else floor


def at_least(floor: DriverFloor) -> str:
    return f"driver {floor.driver} or newer"


def _pins(cell: Cell, facts: Facts) -> dict[str, str]:
    """Return the versions that a SAM user has installed: all but samcheck's own tools."""
    try:
        pins = resolve(cell, facts)
    except BuildFailed:
        return {}
    every = (*pins.torch, *pins.numpy, *pins.export, *pins.sam, *pins.bare)
    named = (pin.partition("==") for pin in every)
    return {name: version.partition("+")[0] for name, _, version in named}


def _floor(cell: Cell, facts: Facts) -> DriverFloor | None:
    release = facts.release(cell.torch)
    build = release.build(cell.cuda) if release else None
    return facts.floor(build.cuda) if build else None


@dataclass(frozen=True)
class Remedy:
    """A further change after which no fact rules the new value out: always a prediction.

    Attributes:
        cell: the cell to run to confirm it.
        driver: whether the driver changes, not the cell.
    """

    text: str
    cell: Cell
    driver: bool = False


def remedies(change: CellChange, question: UpgradeQuestion, facts: Facts) -> Iterator[Remedy]:
    """Yield what removes the obstacles to a change while keeping the wanted value."""
    floor, machine = _floor(change.after, facts), question.after
    if machine.driver and floor and not question.driver:
        newer_machine = replace(machine, driver=floor.driver)
        too_old = gpu_support.hard(gpu_support.obstacles(change.after, machine, facts))
        if too_old and _can_work(change.after, newer_machine, facts):
            yield Remedy(at_least(floor), change.after, driver=True)
    cells_by_axis = dict(_by_one_axis(change.after, machine, facts))
    for axis in question.steps:
        cells_by_axis.pop(axis, None)
    if not {"torch"} & {*cells_by_axis, *question.steps}:
        cells_by_axis.update(_with_build(change.after, machine, facts, newer=True))
    for axis, cell in cells_by_axis.items():
        yield Remedy(_named(axis, cell, change, facts), cell)


def alternatives(change: CellChange, question: UpgradeQuestion, facts: Facts) -> Iterator[str]:
    """Yield another value of the subject that would work, for when the wanted one has no remedy."""
    cells_by_axis = dict(_by_one_axis(change.after, question.after, facts))
    if "torch" in question.steps and "torch" not in cells_by_axis:
        cells_by_axis.update(_with_build(change.after, question.after, facts, newer=False))
    for axis in question.steps:
        if axis in cells_by_axis:
            yield _named(axis, cells_by_axis[axis], change, facts)


def _named(axis: str, cell: Cell, change: CellChange, facts: Facts) -> str:
    """Return what to install in place of a change, with the build if that has to be chosen."""
    name = f"{TITLES[axis]} {compatibility.fields(cell)[axis]}"
    release = facts.release(cell.torch)
    usual = release.default_build.tag if release else cell.cuda
    if axis != "torch" or cell.cuda == change.after.cuda == usual:
        return name
    plain = "" if cell.cuda == usual else f", a plain pip install takes {usual}"
    return f"{name} (build {cell.cuda}{plain})"


def _by_one_axis(cell: Cell, machine: Machine, facts: Facts) -> Iterator[tuple[str, Cell]]:
    """Yield the nearest possible cells, by the one axis in which they differ."""
    for neighbour in explain.nearest(cell, machine, facts):
        here, there = compatibility.fields(cell), compatibility.fields(neighbour)
        yield next(axis for axis in here if here[axis] != there[axis]), neighbour


def _with_build(cell: Cell, machine: Machine, facts: Facts, newer: bool) -> Iterator[tuple[str, Cell]]:
    """Yield the next newer or older possible PyTorch, with its own build."""
    current = Version(cell.torch)
    nearest_first = [release for release in facts.releases if Version(release.version) > current]
    if not newer:
        nearest_first = [row for row in reversed(facts.releases) if Version(row.version) < current]
    for release in nearest_first:
        tag = cell.cuda if cell.cuda == "cpu" else gpu_support.best_build(release, facts, machine)
        candidate = replace(cell, torch=release.version, cuda=tag)
        if _can_work(candidate, machine, facts):
            yield "torch", candidate
            return


def _can_work(cell: Cell, machine: Machine, facts: Facts) -> bool:
    return not compatibility.obstacles(cell, facts) and not gpu_support.hard(
        gpu_support.obstacles(cell, machine, facts)
    )
