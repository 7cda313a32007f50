"""Runs in which cells go on at once: no result is lost, none waits for another, and one end ends all."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from tests.processes.rig import Rig, gone


def rig(folder: Path, jobs: int, pause: float) -> Rig:
    made = Rig(folder, cells=4, environment={"JOBS": str(jobs)})
    made.folder.mkdir()
    made.steady(count=1, pause=pause)
    return made


def test_cells_that_wait_take_less_time_side_by_side(tmp_path: Path) -> None:
    """Four cells of which each waits take less time where two wait at once."""
    took = {}
    for jobs in (1, 2):
        mine = rig(tmp_path / str(jobs), jobs, pause=3)
        begin = time.monotonic()
        assert mine.run() == 0, mine.said
        took[jobs] = time.monotonic() - begin
        assert {result.outcome for result in mine.results().values()} == {"passed"}
        assert len(mine.results()) == 4
        assert mine.left_over() == []
    assert took[2] < took[1] - 3  # two waits of four are saved; what starting costs is not counted


def test_an_interruption_ends_all_cells_and_resume_goes_on(tmp_path: Path) -> None:
    mine = rig(tmp_path / "rig", 2, pause=4)
    started = mine.start()
    assert gone(lambda: len(mine.begun()) == 2)  # two checks in two cells
    started.send_signal(signal.SIGTERM)  # what CI sends; SIGINT is ignored where a job runs in the background
    assert started.wait(timeout=30) == 130
    assert mine.left_over() == []
    assert mine.results() == {}  # what an interruption did to a cell is no result
    assert mine.run(resume=True) == 0, mine.said
    assert {result.outcome for result in mine.results().values()} == {"passed"}
    assert len(mine.results()) == 4
