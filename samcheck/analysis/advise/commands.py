"""Commands that measure what is missing, and a matrix file for cells in no shipped matrix (pure)."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from samcheck.analysis.advise.contents_change import ContentsChange
from samcheck.analysis.advise.outline import OutlineLine
from samcheck.analysis.advise.summary import RecommendedRun, UpgradeAnswer
from samcheck.cells import DEFAULT_SAM

#: Maximum number of cells to list; the rest are counted.
MOST = 5


def command_lines(answer: UpgradeAnswer, shipped: Collection[str], file: str = "") -> Iterator[OutlineLine]:
    """Yield the commands, riskiest cell first, with remarks.

    Args:
        shipped: ids that `nox -s cell` knows.
        file: a matrix file of all cells to run, as `matrix_file` makes it; empty if there is none.
    """
    question = answer.question
    if question.contents:
        if file:
            yield OutlineLine(f"samcheck matrix {shlex.quote(file)}", is_command=True)
        else:
            yield OutlineLine("both as they are: --write FILE, then samcheck matrix FILE")
        return
    if not answer.to_run:
        return
    if question.driver:
        old, new = question.driver.old, question.driver.new
        if question.of_cells:
            yield OutlineLine(f"on driver {new}; what you have now, on {old}:")
        else:
            yield OutlineLine(f"each on driver {old} before the change, and on {new} after it:")
    elif question.after:
        yield OutlineLine(f"on {', '.join(gpu.name for gpu in question.after.gpus) or question.after}:")
    if file:
        yield OutlineLine(f"nox -s matrix -- {shlex.quote(file)}", is_command=True)
        return
    yield from _cell_lines(answer.to_run, shipped)
    if question.of_cells:
        to_compare = [RecommendedRun(cell, "what you have now, for comparison") for cell in answer.to_compare]
        yield from _cell_lines(to_compare, shipped)


def _cell_lines(runs: Sequence[RecommendedRun], shipped: Collection[str]) -> Iterator[OutlineLine]:
    """Yield the commands for cells that nox knows, and how to run the others."""
    known = [run for run in runs if run.cell.id in shipped]
    for run in known[:MOST]:
        remark = f"  # {run.remark}" if run.remark else ""
        yield OutlineLine(f'nox -s "cell({run.cell.id})"{remark}', is_command=True)
    if len(known) > MOST:
        yield OutlineLine(f"... and {len(known) - MOST} more cells: --write FILE lists all")
    others = [run.cell.id + (f" ({run.remark})" if run.remark else "") for run in runs if run not in known]
    if others:
        more = f" and {len(others) - MOST} more" if len(others) > MOST else ""
        yield OutlineLine(f"in no shipped matrix (--write FILE makes one): {', '.join(others[:MOST])}{more}")


def matrix_file(answer: UpgradeAnswer, folder: Path) -> str:
    """Return a matrix file (TOML) of the cells to run, in order, then those to compare with.

    Args:
        folder: that it is written to.
    """
    if answer.question.contents:
        return _matrix_of_contents(answer.question.contents, folder)
    cells = dict.fromkeys((*(run.cell for run in answer.to_run), *answer.to_compare))
    parts = [f"description = {json.dumps(f'to confirm {answer.question}'[:500], ensure_ascii=False)}\n"]
    for cell in cells:
        fields = {"torch": cell.torch, "python": cell.python, "cuda": cell.cuda, "numpy": cell.numpy}
        if cell.sam != DEFAULT_SAM:
            fields["sam"] = cell.sam
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in fields.items() if value]
        parts.append("\n[[cell]]\n" + "".join(lines))
    return "".join(parts)


def _matrix_of_contents(change: ContentsChange, folder: Path) -> str:
    """Return a matrix file of two environments, which it names by paths from `folder`."""
    description = f"to confirm {change.title}"[:500]
    parts = [f"description = {json.dumps(description, ensure_ascii=False)}\n"]
    for name, contents in (("before", change.before), ("after", change.after)):
        own = contents.own
        given = os.path.relpath(own.given, folder) if own.source.is_file else own.given
        fields = {"name": name, str(own.source): given}
        if own.source.is_file:
            fields["python"] = contents.python
        lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in fields.items())
        parts.append("\n[[environment]]\n" + "".join(lines))
    return "".join(parts)
