"""What somebody has put into the folder of a run, or gives as an interpreter: no hang, nothing outside."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from samcheck.environments import here
from samcheck.errors import EnvironmentUnavailable
from tests.processes.rig import Rig, gone, kill


def _killed(folder: Path, cells: int = 1, ended: int = 0) -> tuple[Rig, list[Path]]:
    """A run, killed after so many of its cells had `ended`, and the folders of those that had begun."""
    rig = Rig(folder, cells=cells)
    rig.steady(pause=0.2)
    orchestrator = rig.start()
    assert gone(lambda: len(list(folder.glob("runs/*/*/result.json"))) >= ended, seconds=60)
    assert gone(lambda: len(rig.finished()) > 6 * ended, seconds=60)
    kill(orchestrator)
    assert gone(lambda: not rig.processes())
    return rig, sorted(path.parent for path in folder.glob("runs/*/*/journal-1.jsonl"))


def test_the_result_of_another_cell_is_none_of_this_one(tmp_path: Path) -> None:
    rig, (first, second) = _killed(tmp_path, cells=2, ended=1)
    shutil.copy(first / "result.json", second)
    assert rig.run(resume=True) == 0
    assert {id: len(result.checks) for id, result in rig.results().items()} == {first.name: 6, second.name: 6}


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to(path.parents[3] / "precious")])
@pytest.mark.parametrize("name", ["journal-2.jsonl", "output-2.log"])
def test_what_lies_in_the_place_of_a_record_goes(
    name: str, make: Callable[[Path], None], tmp_path: Path
) -> None:
    """A FIFO would hold up the run for ever, a link lead what is written into a file of somebody else's."""
    (tmp_path / "precious").write_text("precious")
    rig, (cell,) = _killed(tmp_path)
    make(cell / name)
    assert rig.run(resume=True) == 0
    assert [len(result.checks) for result in rig.results().values()] == [6]
    assert (tmp_path / "precious").read_text() == "precious"


def test_an_interpreter_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(here, "PROBE_SECONDS", 0.5)
    with pytest.raises(EnvironmentUnavailable, match="did not finish within"):
        here.look("/usr/bin/yes")
