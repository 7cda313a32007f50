"""Runs of one check in one cell; results of an earlier start of the bisect are reused from its folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from samcheck import files
from samcheck.analysis.bisect.bisection import CheckRun
from samcheck.analysis.bisect.candidate_values import Candidate
from samcheck.errors import BadInput, BuildFailed
from samcheck.guest.record import CellResult
from samcheck.matrix import PlannedCell
from samcheck.run import cell_runner
from samcheck.run.context import Settings, environment_of
from samcheck.run.progress import Display
from samcheck.run.scheduler import side_by_side
from samcheck.storage import results


@dataclass(frozen=True)
class CheckProber:
    """A `Prober` (see `bisection`). Its results go to `folder`, never to the store of full results."""

    settings: Settings
    folder: Path
    run_display: Display

    def __call__(self, candidate: Candidate, number: int) -> CheckRun:
        folder = self.folder / candidate.cell.id / str(number)
        kept = folder / "result.json"
        result = _stored_result(kept, candidate)
        if result is not None and not result.outcome.is_retried:
            return CheckRun(result, built=(folder / "built").exists())
        if self._is_new(candidate):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "built").touch()  # before running: a start that is killed later has still built it
        (result,) = side_by_side([self._run(candidate, folder)], self.settings.gates)
        files.write_atomically(kept, results.to_json(result))
        built = (folder / "built").exists() and not result.outcome.is_retried
        return CheckRun(result, built)

    def _is_new(self, candidate: Candidate) -> bool:
        try:
            environment = environment_of(_planned(candidate), self.settings)
            pins = cell_runner.requirements_of(candidate.cell, environment)
            return not environment.need(candidate.cell, pins).reused
        except BuildFailed:
            return False  # its result will say so

    def _run(self, candidate: Candidate, folder: Path) -> Callable[[], CellResult]:
        cell_display = self.run_display.cell(candidate.cell.id)
        return partial(cell_runner.run_cell, _planned(candidate), self.settings, folder, cell_display)


def _planned(candidate: Candidate) -> PlannedCell:
    return PlannedCell(candidate.cell, own=candidate.own)


def _stored_result(path: Path, candidate: Candidate) -> CellResult | None:
    """Return the result of an earlier start; ignore one of another cell, wherever it lies."""
    try:
        result = results.read(path)
    except BadInput:
        return None
    return result if result.cell.id == candidate.cell.id else None
