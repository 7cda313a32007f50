"""A small suite, run the way the runner runs the real one: in this interpreter, or in a given place."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from samcheck import report
from samcheck.cells import Cell
from samcheck.environments import Place, here
from samcheck.guest.record import CellResult
from samcheck.matrix import PlannedCell
from samcheck.run import cell_runner
from samcheck.run.context import CellRun, Settings
from samcheck.storage import results
from tests.processes.rig import write_suite


class Silent:
    """A watcher that watches nothing."""

    def phase(self, name: str) -> None: ...

    def checks(self, done: int, total: int, current: str) -> None: ...

    def first_verdict(self, text: str) -> None: ...


@dataclass
class Trial:
    """A folder with a small suite, and what is needed to run it the way a cell's suite is run."""

    folder: Path
    check_timeout: float = 60.0
    place: Place = field(default_factory=lambda: here.HerePlace(sys.executable))

    #: The folder of the suite, as the guest sees it; by default as it is.
    suite: str = ""

    def write(self, text: str) -> None:
        write_suite(self.folder / "suite", text)

    def run(self) -> CellResult:
        """The runner's own steps behind prepare and probe, on the small suite."""
        suite = self.suite or str(self.folder / "suite")
        settings = Settings("fast", here.Here(sys.executable), "", self.check_timeout, suite=suite)
        planned = PlannedCell(Cell("0.0.0", "cpu", "3.11"))
        cell_run = CellRun(planned, settings, self.folder / "cell", Silent())
        cell_run.folder.mkdir(exist_ok=True)
        return cell_runner.run_checks(cell_run, self.place)

    def table(self, result: CellResult) -> str:
        """What people read of a result."""
        results.store(self.folder / "results", result, "machine")
        return report.write(self.folder / "results").read_text()

    @property
    def starts(self) -> int:
        return len(list((self.folder / "cell").glob("output-*.log")))


def outcomes(result: CellResult) -> dict[str, str]:
    assert results.to_json(result)  # whatever happened can be stored
    return {check.check.partition("::test_")[2]: check.outcome for check in result.checks}
