"""A bisect with real guests: one check per cell, nothing of finished cells again after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from samcheck.analysis.bisect.bisection import Bisection, BisectionQuestion, run_bisection
from samcheck.analysis.bisect.boundary_search import Boundary
from samcheck.analysis.bisect.candidate_values import Candidate
from samcheck.analysis.bisect.check_prober import CheckProber
from samcheck.cells import Cell
from samcheck.environments import DiskNeed, Place, here
from samcheck.errors import BuildFailed
from samcheck.facts.requirements import Requirements
from samcheck.guest.outcomes import FailureCause
from samcheck.run import progress
from samcheck.run.context import Settings
from samcheck.storage import results
from tests.processes.rig import write_suite

CHECK = "test_small.py::test_it"
VALUES, FIRST_BAD, NOT_MADE = 12, 7, 6
SUITE = """
import pathlib, time

def test_it():
    value = int(pathlib.Path.cwd().parents[1].name.rpartition("numpy")[2].partition(".")[0])
    with open({log!r}, "a") as stream: stream.write("%d\\n" % value)
    time.sleep({pause})
    assert value < {bad}, "it went wrong"

def test_other():
    with open({log!r}, "a") as stream: stream.write("other\\n")
"""


@dataclass(frozen=True)
class StandIn:
    """Cells that are all this interpreter, and know which value they stand for."""

    folder: Path
    kind: str = "stand-in"
    installs: bool = False

    def storage(self) -> Path:
        return self.folder

    def need(self, cell: Cell, requirements: Requirements) -> DiskNeed:
        return DiskNeed(0, 0, reused=(self.folder / cell.id).exists())

    def prepare(self, cell: Cell, requirements: Requirements, log: Path) -> Place:
        if cell.numpy == f"{NOT_MADE}.0":
            raise BuildFailed(FailureCause.NO_WHEEL, "there is no such wheel")
        (self.folder / cell.id).touch()
        return here.HerePlace(sys.executable)


def bisect(folder: Path, pause: float = 0.0) -> Bisection:
    """What the command does, on twelve cells of which one cannot be made."""
    text = SUITE.format(log=str(folder / "log"), pause=pause, bad=FIRST_BAD)
    write_suite(folder / "suite", text)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    cells = [Cell("absent", "cpu", python, numpy=f"{number}.0") for number in range(VALUES)]
    question = BisectionQuestion(CHECK, "numpy", tuple(Candidate(cell.numpy, cell) for cell in cells))
    settings = Settings("full", StandIn(folder), "a test", 60.0, suite=str(folder / "suite"), only=(CHECK,))
    with progress.display(Console(), VALUES) as shown:
        return run_bisection(question, {}, CheckProber(settings, folder / "run", shown))


def log(folder: Path) -> list[str]:
    path = folder / "log"
    return path.read_text().split() if path.exists() else []


def test_one_check_in_few_cells(tmp_path: Path) -> None:
    done = bisect(tmp_path)
    assert done.end == Boundary(NOT_MADE - 1, FIRST_BAD, (NOT_MADE,))
    begun = log(tmp_path)
    assert "other" not in begun
    assert [begun.count(str(value)) for value in (NOT_MADE - 1, FIRST_BAD)] == [2, 2]
    assert len(set(begun)) <= 6
    assert done.built == len(set(begun))
    assert done.observations[NOT_MADE][0].reason == "build-failed: there is no such wheel"


PROGRAM = """
import sys
sys.path.insert(0, {checkout!r})
from pathlib import Path
from tests.processes.test_bisect_runs import bisect
bisect(Path({folder!r}), pause=0.3)
"""


def test_killed_bisect_goes_on_where_it_was(tmp_path: Path) -> None:
    checkout = str(Path(__file__).resolve().parents[2])
    program = PROGRAM.format(checkout=checkout, folder=str(tmp_path))
    orchestrator = subprocess.Popen([sys.executable, "-c", program])
    end = time.monotonic() + 60
    while len(log(tmp_path)) < 3:
        assert orchestrator.poll() is None, "it ended too early"
        assert time.monotonic() < end, "it did not get on"
        time.sleep(0.05)
    os.kill(orchestrator.pid, signal.SIGKILL)
    orchestrator.wait()
    kept = [results.read(path) for path in (tmp_path / "run").glob("*/*/result.json")]
    ended = [result for result in kept if result.outcome != "build-failed"]  # those are tried again
    finished = len(ended)
    begun = len(log(tmp_path))
    done = bisect(tmp_path)
    assert done.end == Boundary(NOT_MADE - 1, FIRST_BAD, (NOT_MADE,))
    assert finished >= 2
    assert sum(check_run.result in ended for _, check_run in done.trail) == finished
    runs = [run for _, run in done.trail if run.result.outcome != "build-failed"]
    # The one that was running may run again, or was finished without its result: its journal is kept.
    assert begun + len(runs) - finished - 1 <= len(log(tmp_path)) <= begun + len(runs) - finished
