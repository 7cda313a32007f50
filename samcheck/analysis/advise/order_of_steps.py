"""In which order several changes can be made, so that every state between them works by the facts (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations

from samcheck.analysis.advise.cell_changes import CellChange
from samcheck.analysis.advise.question import TITLES, UpgradeQuestion
from samcheck.facts import Facts, compatibility, gpu_support
from samcheck.facts.compatibility import Obstacle

#: A state is the set of subjects that have changed already.
State = frozenset[str]


@dataclass(frozen=True)
class Stage:
    """Changes to be made at once.

    Attributes:
        subjects: what changes.
        apart: why one of them cannot change alone first, for several.
    """

    subjects: tuple[str, ...]
    apart: tuple[str, ...] = ()

    def __str__(self) -> str:
        together = " at once, in a new environment" if len(self.subjects) > 1 else ""
        return " and ".join(TITLES[subject] for subject in self.subjects) + together


def stages(change: CellChange, question: UpgradeQuestion, facts: Facts) -> tuple[Stage, ...]:
    """Return the changes in an order in which each state can work, as few at once as that allows.

    The driver comes first where it can: a newer one runs older CUDA builds, never the other way round. Empty
    if there is one change only, or if the wanted state cannot work.
    """
    subjects = tuple(question.steps)
    if len(subjects) < 2 or _against(frozenset(subjects), change, question, facts):
        return ()
    done: State = frozenset()
    found: list[Stage] = []
    while len(done) < len(subjects):
        stage = next(_possible(done, subjects, change, question, facts))
        found.append(stage)
        done |= frozenset(stage.subjects)
    return tuple(found)


def _possible(
    done: State, subjects: tuple[str, ...], change: CellChange, question: UpgradeQuestion, facts: Facts
) -> Iterator[Stage]:
    """Yield the stages that may follow a state, those that change the least at once first."""
    left = [subject for subject in subjects if subject not in done]
    apart: dict[str, None] = {}
    for size in range(1, len(left) + 1):
        for some in combinations(left, size):
            against = _against(done | frozenset(some), change, question, facts)
            if not against:
                yield Stage(some, tuple(apart) if size > 1 else ())
            elif size == 1:
                apart[against[0].text] = None


def _against(
    state: State, change: CellChange, question: UpgradeQuestion, facts: Facts
) -> tuple[Obstacle, ...]:
    """Return what rules a state out by the facts."""
    values = {axis: step.new for axis, step in question.of_cells.items() if axis in state}
    cell = replace(change.before, **values)
    if "torch" in state:
        cell = replace(cell, cuda=change.after.cuda)
    machine = question.after if "driver" in state else question.before
    return gpu_support.hard(
        (*compatibility.obstacles(cell, facts), *gpu_support.obstacles(cell, machine, facts))
    )
