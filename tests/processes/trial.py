"""A small suite, run the way the runner runs the real one, in this interpreter."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from samcheck import results, runner
from samcheck.cells import Cell
from samcheck.environments import here
from samcheck.guest.record import CellResult
from samcheck.matrix import PlannedCell
from samcheck.runner import Settings

CONFTEST = 'pytest_plugins = ["samcheck.guest.plugin"]\n'


class Silent:
    """A watcher that watches nothing."""

    def phase(self, name: str) -> None: ...

    def checks(self, done: int, total: int, current: str) -> None: ...


@dataclass
class Trial:
    """A folder with a small suite, and what is needed to run it the way a cell's suite is run."""

    folder: Path
    check_timeout: float = 60.0
    course: runner.Course = field(init=False)

    def write(self, text: str) -> None:
        suite = self.folder / "suite"
        suite.mkdir(exist_ok=True)
        (suite / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider\n")
        (suite / "conftest.py").write_text(CONFTEST)
        (suite / "test_small.py").write_text(text)

    def run(self) -> CellResult:
        """The runner's own steps behind prepare and probe, on the small suite."""
        place = here.HerePlace(sys.executable)
        settings = Settings(
            "fast", here.Here(sys.executable), "", self.check_timeout, suite=str(self.folder / "suite")
        )
        planned = PlannedCell(Cell("0.0.0", "cpu", "3.11"))
        (self.folder / "cell" / "work").mkdir(parents=True, exist_ok=True)
        course = runner.Course(planned, settings, self.folder / "cell", Silent())
        attempts = runner.run_suite(course, place)
        checks = runner.collect.verdicts(attempts, self.check_timeout)
        return course.result(*runner.judge(attempts, checks), attempts)

    @property
    def starts(self) -> int:
        return len(list((self.folder / "cell").glob("output-*.log")))


def outcomes(result: CellResult) -> dict[str, str]:
    assert results.to_json(result)  # whatever happened can be stored
    return {check.check.partition("::test_")[2]: check.outcome for check in result.checks}
