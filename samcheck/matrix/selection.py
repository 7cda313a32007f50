"""From what somebody asks for to a plan: the file, the stored results, the options, the part of a fan-out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from samcheck import facts, matrix, paths
from samcheck.errors import BadInput, EmptySelection
from samcheck.facts.gpu_support import Machine
from samcheck.matrix import LeftOut, Plan, fanout, run_history
from samcheck.matrix.fanout import Pipeline, shards
from samcheck.matrix.ranking import Budget
from samcheck.storage import results


@dataclass(frozen=True)
class Choice:
    """Which cells somebody wants.

    Attributes:
        path: of the matrix file.
        only, tags: patterns on ids, and tags; empty for all.
        cells, minutes: a budget in place of the file's; None for what the file says.
        shard: ``3/7``, or empty.
        tier: in place of the file's; empty for that.
        history: the folder of the results that tell which cells are risky and how long they take.
        expect_plan: what `digest` has to say of the plan, before a part is taken; empty for anything.
    """

    path: Path
    only: Sequence[str] = ()
    tags: Sequence[str] = ()
    cells: int | None = None
    minutes: int | None = None
    shard: str = ""
    tier: str | None = None
    history: Path = paths.RESULTS
    expect_plan: str = ""

    @property
    def budget(self) -> Budget | None:
        if self.cells is None and self.minutes is None:
            return None
        return Budget(self.cells, self.minutes)

    def words(self) -> tuple[str, ...]:
        """The options, but for file, tier and part, as another process has to be given them."""
        counts = {"--cells": self.cells, "--minutes": self.minutes}
        several = [("--only", pattern) for pattern in self.only] + [("--tag", tag) for tag in self.tags]
        several += [(name, str(count)) for name, count in counts.items() if count is not None]
        if self.history != paths.RESULTS:
            several.append(("--history", name_in_project(self.history)))
        return tuple(word for option in several for word in option)


def plan(choice: Choice, host: Machine) -> Plan:
    """The cells to run on `host`.

    Raises:
        BadInput: the file, or an option, cannot be right.
        EmptySelection: the options leave no cell.
    """
    return chosen(choice, whole(choice, host))


def whole(choice: Choice, host: Machine) -> Plan:
    """What the file means on `host`, before options choose among its cells; it may have none.

    Raises:
        BadInput: the file cannot be right, or there is no such folder of results.
    """
    if choice.history != paths.RESULTS and not choice.history.is_dir():
        raise BadInput(f"--history: there is no folder {choice.history}")
    # Whoever has no results yet has those that are published, to go by.
    known = past(choice.history if choice.history.is_dir() else paths.PUBLISHED_RESULTS)
    whole = matrix.plan(file_of(choice.path), facts.load(), host, known, choice.budget)
    if choice.tier and choice.tier != whole.tier:
        timed = (replace(row, minutes=known.minutes(row.cell, choice.tier)) for row in whole.cells)
        whole = replace(whole, tier="full" if choice.tier == "full" else "fast", cells=tuple(timed))
    return whole


def chosen(choice: Choice, whole: Plan) -> Plan:
    """The cells that the options leave.

    Raises:
        BadInput: the plan is not the one that was expected.
        EmptySelection: they leave none.
    """
    host, chosen = whole.host, matrix.select(whole, choice.only, choice.tags)
    if choice.expect_plan not in ("", digest(chosen)):
        raise BadInput(
            f"this machine plans other cells of {chosen.name} than the one that divided them "
            f"({digest(chosen)}, not {choice.expect_plan}): it is {host}, and what the plan depends on (GPU, "
            "driver, stored results, samcheck) has to be the same; --gpu and --driver plan for other machines"
        )
    return part(chosen, choice.shard) if choice.shard else chosen


def file_of(path: Path) -> Path:
    """The matrix file: a path, or the name of a shipped one, as in ``samcheck plan nightly``."""
    if not path.name:  # the folder one is in
        return path
    shipped = paths.MATRICES / path.with_suffix(".toml").name
    return shipped if not os.path.lexists(path) and path.parent == Path() and shipped.exists() else path


def digest(whole: Plan) -> str:
    """Tells apart plans with other cells or other costs, which would be divided differently."""
    text = "\n".join(f"{id} {minutes}" for id, minutes in sorted(costs(whole).items()))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def past(store: Path) -> run_history.History:
    """What the results under `store` tell; those that cannot be read tell nothing."""
    stored, _ = results.load(store)
    return run_history.of(entry.result for entry in stored)


def part(whole: Plan, text: str) -> Plan:
    """One of several parts of about equal cost; ``3/7`` is the third of seven.

    Raises:
        BadInput: the text is not of that form.
        EmptySelection: there are more parts than cells.
    """
    # Whether a spare cell is needed is known when all others were tried, which no part does.
    spare = tuple(LeftOut(row.cell.id, "spare, and this is a part") for row in whole.cells if row.spare)
    firm = tuple(row for row in whole.cells if not row.spare)
    whole = replace(whole, cells=firm, left_out=(*whole.left_out, *spare), wanted=0)
    ids = shards.pick(costs(whole), text)
    if not ids:
        raise EmptySelection(
            f"--shard {text}: matrix {whole.name} has only {len(whole.cells)} cells; take fewer parts"
        )
    return replace(whole, cells=tuple(row for row in whole.cells if row.cell.id in ids))


def costs(whole: Plan) -> dict[str, float]:
    """Estimated minutes by cell id."""
    return {row.cell.id: row.minutes for row in whole.cells}


def pipeline(
    whole: Plan, choice: Choice, count: int | None, gpu_labels: tuple[str, ...] = ("gpu",)
) -> Pipeline:
    """The plan as jobs for a CI, `count` of them, else one per cell.

    Raises:
        BadInput: the matrix file is outside of the folder in which samcheck was called.
    """
    firm = part(whole, "1/1")
    minutes = costs(firm)
    # A plan for a GPU is right on machines with that GPU, also in its CPU cells.
    jobs = fanout.jobs(minutes, count or len(minutes), tuple(minutes) if whole.host else ())
    options = (*choice.words(), "--expect-plan", digest(whole))
    return Pipeline(name_in_project(file_of(choice.path)), whole.tier, jobs, options, gpu_labels)


def name_in_project(path: Path) -> str:
    """How jobs elsewhere, each in a checkout of the user's repository, name a file or a shipped matrix.

    Raises:
        BadInput: it is outside of the folder in which samcheck was called.
    """
    whole = path.resolve()
    if whole.is_relative_to(paths.PROJECT.resolve()):
        return whole.relative_to(paths.PROJECT.resolve()).as_posix()
    if whole.parent == paths.MATRICES:
        return whole.stem
    raise BadInput(
        f"{path} is outside of {paths.PROJECT}, where the jobs of a pipeline would not find it: put the file "
        "into your repository, and call samcheck in its top folder"
    )
