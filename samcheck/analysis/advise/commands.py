"""Commands that measure what is missing, and a matrix file for cells in no shipped matrix (pure)."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Iterator, Sequence

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


def matrix_file(answer: UpgradeAnswer) -> str:
    """Return a matrix file (TOML) of the cells to run, in order, then those to compare with."""
    cells = dict.fromkeys((*(run.cell for run in answer.to_run), *answer.to_compare))
    parts = [f"description = {json.dumps(f'to confirm {answer.question}'[:500], ensure_ascii=False)}\n"]
    for cell in cells:
        fields = {"torch": cell.torch, "python": cell.python, "cuda": cell.cuda, "numpy": cell.numpy}
        if cell.sam != DEFAULT_SAM:
            fields["sam"] = cell.sam
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in fields.items() if value]
        parts.append("\n[[cell]]\n" + "".join(lines))
    return "".join(parts)
