"""Which cells a question concerns, each with what becomes of it (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from samcheck.analysis.advise.question import UpgradeQuestion, values
from samcheck.cells import Cell
from samcheck.errors import BadInput
from samcheck.facts import Facts, Release, compatibility, gpu_support
from samcheck.facts.gpu_support import Machine


@dataclass(frozen=True)
class CellChange:
    """What is there now, and what the change makes of it; where the driver changes, both are one cell."""

    before: Cell
    after: Cell


def cell_changes(
    question: UpgradeQuestion, candidates: Sequence[Cell], facts: Facts
) -> tuple[CellChange, ...]:
    """The candidates that are what is there now; where none is, the candidates made so.

    Raises:
        BadInput: none of them can be made so: what is said to be there now cannot exist.
    """
    own = {} if question.subject == "driver" else {question.subject: question.old}
    wanted = {**own, **question.at}
    now = [cell for cell in candidates if _is(cell, wanted, facts)]
    now = now or _moved(candidates, wanted, question.before, facts)
    found: dict[tuple[str, ...], CellChange] = {}
    for cell in now:
        # What is asked about by its number is named by it, also where a cell got it without naming it.
        before = replace(cell, numpy=question.old) if question.subject == "numpy" else cell
        after = _after(before, question, facts)
        found.setdefault(tuple(values(before, facts).values()), CellChange(before, after))
    return tuple(found.values())


def _is(cell: Cell, wanted: dict[str, str], facts: Facts) -> bool:
    has = values(cell, facts)
    return all(has[axis] == value for axis, value in wanted.items())


def _moved(candidates: Iterable[Cell], wanted: dict[str, str], on: Machine, facts: Facts) -> list[Cell]:
    found: dict[Cell, None] = {}
    against: Counter[str] = Counter()
    for cell in candidates:
        moved = _with(cell, wanted, on, facts)
        problems = [each for each in compatibility.obstacles(moved, facts) if each.kind == "install"]
        against.update(str(each) for each in problems)
        if not problems:
            found[moved] = None
    if not found:
        said = "; ".join(text for text, _ in against.most_common(2)) or "no cell to start from"
        more = f"; and {len(against) - 2} other reasons" if len(against) > 2 else ""
        raise BadInput(f"--from: what you have now cannot be, as far as the facts tell: {said}{more}")
    return list(found)


def _with(cell: Cell, wanted: dict[str, str], on: Machine, facts: Facts) -> Cell:
    """A cell with other values, and the best build for the machine where its own does not go with them."""
    moved = replace(cell, **wanted)
    release = facts.release(moved.torch)
    if release is None or "cuda" in wanted or moved.cuda == "cpu":
        return moved
    keeps = release.build(moved.cuda) and not gpu_support.hard(gpu_support.obstacles(moved, on, facts))
    return moved if keeps else replace(moved, cuda=_best(release, on, facts))


def _after(before: Cell, question: UpgradeQuestion, facts: Facts) -> Cell:
    if question.subject == "driver":
        return before
    after = replace(before, **{question.subject: question.new})
    release = facts.release(after.torch)
    if question.subject != "torch" or release is None or "cuda" in question.at or before.cuda == "cpu":
        return after
    return replace(after, cuda=_best(release, question.after, facts))


def _best(release: Release, on: Machine, facts: Facts) -> str:
    """What is installed for a machine; without a GPU what a plain ``pip install torch`` takes."""
    return gpu_support.best_build(release, facts, replace(on, pytorch_index=False))
