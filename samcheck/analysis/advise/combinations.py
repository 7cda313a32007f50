"""What has to change along, and what would put right what breaks (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from packaging.version import Version

from samcheck.analysis.advise.cell_changes import CellChange
from samcheck.analysis.advise.question import TITLES, UpgradeQuestion
from samcheck.cells import Cell
from samcheck.errors import BuildFailed
from samcheck.facts import Facts, compatibility, gpu_support
from samcheck.facts.gpu_support import Machine
from samcheck.facts.requirements import resolve
from samcheck.matrix import explain

_OWN = {"torch": "torch", "numpy": "numpy"}


def along(step: CellChange, question: UpgradeQuestion, facts: Facts) -> Iterator[str]:
    """What comes with the change by itself, and the driver that it asks for."""
    if any(each.kind == "install" for each in compatibility.obstacles(step.after, facts)):
        return
    if step.before.cuda != step.after.cuda:
        yield f"CUDA build {step.before.cuda} -> {step.after.cuda}"
    old, new = _pins(step.before, facts), _pins(step.after, facts)
    for name, version in new.items():
        if name != _OWN.get(question.subject) and old.get(name, version) != version:
            yield f"{name} {old[name]} -> {version}"
    driver = newer_driver(step, question, facts)
    if driver:
        yield f"on a GPU: {driver}"


def newer_driver(step: CellChange, question: UpgradeQuestion, facts: Facts) -> str:
    """The driver that the change asks for, where the question does not say which there is; else empty."""
    floor = _floor(step.after, facts)
    if question.after.driver or not floor or floor == _floor(step.before, facts):
        return ""
    return f"driver {floor[0]} or newer (driver-too-old; source: {', '.join(floor[1])})"


def _pins(cell: Cell, facts: Facts) -> dict[str, str]:
    """What SAM's user has in the environment: all but samcheck's own tools."""
    try:
        pins = resolve(cell, facts)
    except BuildFailed:
        return {}
    named = (pin.partition("==") for pin in (*pins.torch, *pins.numpy, *pins.export))
    return {name: version.partition("+")[0] for name, _, version in named}


def _floor(cell: Cell, facts: Facts) -> tuple[str, tuple[str, ...]] | None:
    release = facts.release(cell.torch)
    build = release.build(cell.cuda) if release else None
    row = facts.floor(build.cuda) if build else None
    return (row.driver, row.source) if row else None


@dataclass(frozen=True)
class Remedy:
    """A further change with which nothing in the facts speaks against the new value: predicted, always.

    Attributes:
        cell: what is to be run to be sure of it.
        driver: the change is of the driver, not of the cell.
    """

    text: str
    cell: Cell
    driver: bool = False


def remedies(step: CellChange, question: UpgradeQuestion, facts: Facts) -> Iterator[Remedy]:
    """What puts right what is against a step, with the wanted value kept."""
    floor, on = _floor(step.after, facts), question.after
    if on.driver and floor and question.subject != "driver":
        newer = replace(on, driver=floor[0])
        if gpu_support.hard(gpu_support.obstacles(step.after, on, facts)) and _fine(step.after, newer, facts):
            yield Remedy(f"driver {floor[0]} or newer", step.after, driver=True)
    found = {axis: other for axis, other in _single(step.after, on, facts) if axis != question.subject}
    if "torch" not in found and question.subject != "torch":
        found.update(_with_build(step.after, on, facts, newer=True))
    for axis, other in found.items():
        build = f" (build {other.cuda})" if axis == "torch" and other.cuda != step.after.cuda else ""
        yield Remedy(f"{TITLES[axis]} {compatibility.fields(other)[axis]}{build}", other)


def instead(step: CellChange, question: UpgradeQuestion, facts: Facts) -> Iterator[str]:
    """Another value of the subject that would do, where nothing puts the wanted one right."""
    axis = question.subject
    found = dict(_single(step.after, question.after, facts))
    if axis == "torch" and axis not in found:
        found.update(_with_build(step.after, question.after, facts, newer=False))
    if axis in found:
        yield f"{TITLES[axis]} {compatibility.fields(found[axis])[axis]}"


def _single(cell: Cell, on: Machine, facts: Facts) -> Iterator[tuple[str, Cell]]:
    """The nearest cells that can be, by the one axis that they differ in."""
    for other in explain.nearest(cell, on, facts):
        here, there = compatibility.fields(cell), compatibility.fields(other)
        yield next(axis for axis in here if here[axis] != there[axis]), other


def _with_build(cell: Cell, on: Machine, facts: Facts, newer: bool) -> Iterator[tuple[str, Cell]]:
    """The next newer or older PyTorch that can be, with a build of its own."""
    own, rows = Version(cell.torch), facts.releases
    towards = [row for row in rows if Version(row.version) > own]
    if not newer:
        towards = [row for row in reversed(rows) if Version(row.version) < own]
    for row in towards:
        tag = cell.cuda if cell.cuda == "cpu" else gpu_support.best_build(row, facts, on)
        other = replace(cell, torch=row.version, cuda=tag)
        if _fine(other, on, facts):
            yield "torch", other
            return


def _fine(cell: Cell, on: Machine, facts: Facts) -> bool:
    return not compatibility.obstacles(cell, facts) and not gpu_support.hard(
        gpu_support.obstacles(cell, on, facts)
    )
