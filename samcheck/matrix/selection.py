"""From a user's request to a plan: matrix file, stored results, options, shard of a fan-out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from samcheck import facts, matrix, paths
from samcheck.errors import BadInput, EmptySelection
from samcheck.facts.target_machine import Machine
from samcheck.matrix import LeftOut, Plan, fanout, run_history
from samcheck.matrix.fanout import Pipeline, shards
from samcheck.matrix.ranking import Budget
from samcheck.storage import results


@dataclass(frozen=True)
class Choice:
    """The user's choice of cells.

    Attributes:
        path: path of the matrix file.
        only, tags: id patterns, and tags; empty for all.
        cells, minutes: a budget that overrides the file's; None for the file's.
        shard: ``3/7``, or empty.
        tier: a tier that overrides the file's; empty for the file's.
        history: folder of the results from which to estimate risk and run time of cells.
        expect_plan: expected `digest` of the plan, before a shard is taken; empty for any.
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
        """The options, except file, tier and shard, as command-line words for another process."""
        counts = {"--cells": self.cells, "--minutes": self.minutes}
        several = [("--only", pattern) for pattern in self.only] + [("--tag", tag) for tag in self.tags]
        several += [(name, str(count)) for name, count in counts.items() if count is not None]
        if self.history != paths.RESULTS:
            several.append(("--history", name_in_project(self.history)))
        return tuple(word for option in several for word in option)


def plan(choice: Choice, host: Machine) -> Plan:
    """Plan the cells to run on `host`.

    Raises:
        BadInput: the file, or an option, is invalid.
        EmptySelection: the options leave no cell.
    """
    return chosen(choice, whole(choice, host))


def whole(choice: Choice, host: Machine) -> Plan:
    """Plan the file for `host`, before options choose among its cells; the plan may be empty.

    Raises:
        BadInput: the file is invalid, or there is no such folder of results.
    """
    if choice.history != paths.RESULTS and not choice.history.is_dir():
        raise BadInput(f"--history: there is no folder {choice.history}")
    # Without own results yet, go by the published ones.
    known = past(choice.history if choice.history.is_dir() else paths.PUBLISHED_RESULTS)
    whole = matrix.plan(file_of(choice.path), facts.load(), host, known, choice.budget)
    if choice.tier and choice.tier != whole.tier:
        timed = (replace(row, minutes=known.minutes(row.cell, choice.tier)) for row in whole.cells)
        whole = replace(whole, tier="full" if choice.tier == "full" else "fast", cells=tuple(timed))
    return whole


def chosen(choice: Choice, whole: Plan) -> Plan:
    """Return the cells that the options leave.

    Raises:
        BadInput: the plan is not the expected one.
        EmptySelection: the options leave none.
    """
    host, chosen = whole.host, matrix.select(whole, choice.only, choice.tags)
    if choice.expect_plan not in ("", digest(chosen)):
        raise BadInput(
            f"this machine's plan for {chosen.name} differs from that of the machine that sharded it "
            f"({digest(chosen)}, not {choice.expect_plan}): it is {host}, and what the plan depends on (GPU, "
            "driver, stored results, samcheck) must be the same; --gpu and --driver plan for other machines"
        )
    return part(chosen, choice.shard) if choice.shard else chosen


def file_of(path: Path) -> Path:
    """Resolve a matrix file: a path, or the name of a shipped one, as in ``samcheck plan nightly``."""
    if not path.name:  # the current folder
        return path
    shipped = paths.MATRICES / path.with_suffix(".toml").name
    return shipped if not os.path.lexists(path) and path.parent == Path() and shipped.exists() else path


def digest(whole: Plan) -> str:
    """Return a digest of the cells and their costs, on which the division into shards depends."""
    text = "\n".join(f"{id} {minutes}" for id, minutes in sorted(costs(whole).items()))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def past(store: Path) -> run_history.History:
    """Summarize the results under `store`, ignoring unreadable ones."""
    stored, _ = results.load(store)
    return run_history.of(entry.result for entry in stored)


def part(whole: Plan, text: str) -> Plan:
    """Return one of several shards of about equal cost; ``3/7`` is the third of seven.

    Raises:
        BadInput: the text is not of that form.
        EmptySelection: there are more shards than cells.
    """
    # Whether a spare cell is needed is known only after all others were tried, which no shard does.
    spare = tuple(
        LeftOut(row.cell.id, "spare cells do not run in shards") for row in whole.cells if row.spare
    )
    firm = tuple(row for row in whole.cells if not row.spare)
    whole = replace(whole, cells=firm, left_out=(*whole.left_out, *spare), wanted=0)
    ids = shards.pick(costs(whole), text)
    if not ids:
        raise EmptySelection(
            f"--shard {text}: matrix {whole.name} has fewer cells ({len(whole.cells)}) than shards: "
            "use fewer shards"
        )
    return replace(whole, cells=tuple(row for row in whole.cells if row.cell.id in ids))


def costs(whole: Plan) -> dict[str, float]:
    """Return the estimated minutes by cell id."""
    return {row.cell.id: row.minutes for row in whole.cells}


def pipeline(
    whole: Plan, choice: Choice, count: int | None, gpu_labels: tuple[str, ...] = ("gpu",)
) -> Pipeline:
    """Divide the plan into `count` CI jobs, by default one per cell.

    Raises:
        BadInput: the matrix file is outside the folder in which samcheck was called.
    """
    firm = part(whole, "1/1")
    minutes = costs(firm)
    # A plan for a GPU is valid only on machines with that GPU, even for its CPU cells.
    jobs = fanout.jobs(minutes, count or len(minutes), tuple(minutes) if whole.host else ())
    options = (*choice.words(), "--expect-plan", digest(whole))
    return Pipeline(name_in_project(file_of(choice.path)), whole.tier, jobs, options, gpu_labels)


def name_in_project(path: Path) -> str:
    """Name a file or a shipped matrix for jobs elsewhere, each in a checkout of the user's repository.

    Raises:
        BadInput: it is outside the folder in which samcheck was called.
    """
    whole = path.resolve()
    if whole.is_relative_to(paths.PROJECT.resolve()):
        return whole.relative_to(paths.PROJECT.resolve()).as_posix()
    if whole.parent == paths.MATRICES:
        return whole.stem
    raise BadInput(
        f"{path} is outside {paths.PROJECT}, where a pipeline's jobs would not find it: put the file into "
        "your repository, and run samcheck in its top folder"
    )
