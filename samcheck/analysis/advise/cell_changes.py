"""The cells that a question affects, each before and after the change (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from samcheck.analysis.advise.contents_change import cell_of
from samcheck.analysis.advise.question import UpgradeQuestion, values
from samcheck.cells import Cell
from samcheck.errors import BadInput
from samcheck.facts import Facts, Release, compatibility, gpu_support
from samcheck.facts.schema import ObstacleKind
from samcheck.facts.target_machine import Machine


@dataclass(frozen=True)
class CellChange:
    """A cell before and after the change; the same cell twice if only the driver changes."""

    before: Cell
    after: Cell


def cell_changes(
    question: UpgradeQuestion, candidates: Sequence[Cell], facts: Facts
) -> tuple[CellChange, ...]:
    """Return the changes of the candidates that match the current state; if none does, adapt them to it.

    Raises:
        BadInput: none can be adapted: the stated current state cannot exist.
    """
    if question.contents:
        sides = (question.contents.before, question.contents.after)
        return (CellChange(*(cell_of(contents, facts) for contents in sides)),)
    wanted = {**{axis: step.old for axis, step in question.of_cells.items()}, **question.at}
    present = [cell for cell in candidates if _has_values(cell, wanted, facts)]
    present = present or _moved_cells(candidates, wanted, question.before, facts)
    changes: dict[tuple[str, ...], CellChange] = {}
    for cell in present:
        # The question names a NumPy, so the cell must too, even if it gets that one by default.
        numpy = question.steps.get("numpy")
        before = replace(cell, numpy=numpy.old) if numpy else cell
        after = _after(before, question, facts)
        changes.setdefault(tuple(values(before, facts).values()), CellChange(before, after))
    return tuple(changes.values())


def _has_values(cell: Cell, wanted: dict[str, str], facts: Facts) -> bool:
    actual = values(cell, facts)
    return all(actual[axis] == value for axis, value in wanted.items())


def _moved_cells(
    candidates: Iterable[Cell], wanted: dict[str, str], machine: Machine, facts: Facts
) -> list[Cell]:
    moved_cells: dict[Cell, None] = {}
    against: Counter[str] = Counter()
    for cell in candidates:
        moved = _with_values(cell, wanted, machine, facts)
        problems = [
            obstacle
            for obstacle in compatibility.obstacles(moved, facts)
            if obstacle.kind is ObstacleKind.INSTALL
        ]
        against.update(str(obstacle) for obstacle in problems)
        if not problems:
            moved_cells[moved] = None
    if not moved_cells:
        reasons = "; ".join(text for text, _ in against.most_common(2)) or "no cell to start from"
        more = f"; and {len(against) - 2} other reasons" if len(against) > 2 else ""
        raise BadInput(f"--from: by the facts, what you have now cannot be installed: {reasons}{more}")
    return list(moved_cells)


def _with_values(cell: Cell, wanted: dict[str, str], machine: Machine, facts: Facts) -> Cell:
    """Return a cell with other values, and the machine's best build if its own does not match them."""
    moved = replace(cell, **wanted)
    release = facts.release(moved.torch)
    if release is None or "cuda" in wanted or moved.cuda == "cpu":
        return moved
    keeps = release.build(moved.cuda) and not gpu_support.hard(gpu_support.obstacles(moved, machine, facts))
    return moved if keeps else replace(moved, cuda=_best_build(release, machine, facts))


def _after(before: Cell, question: UpgradeQuestion, facts: Facts) -> Cell:
    after = replace(before, **{axis: step.new for axis, step in question.of_cells.items()})
    release = facts.release(after.torch)
    if "torch" not in question.steps or release is None or "cuda" in question.at or before.cuda == "cpu":
        return after
    return replace(after, cuda=_best_build(release, question.after, facts))


def _best_build(release: Release, machine: Machine, facts: Facts) -> str:
    """Return the build to install on a machine; without a GPU that of a plain ``pip install torch``."""
    return gpu_support.best_build(release, facts, replace(machine, pytorch_index=False))
