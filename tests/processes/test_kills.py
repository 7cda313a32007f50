"""kill -9 of samcheck at any moment loses no finished check and no stored result, and leaves nothing."""

from __future__ import annotations

import os
import time
from pathlib import Path
from random import Random

import psutil
from rig import Rig, gone, kill, write_suite
from scenarios import killed

#: Another one tries other moments.
SEED = int(os.environ.get("SAMCHECK_SURVIVAL_SEED", "2026"))


def test_ten_kills_at_random_moments(tmp_path: Path) -> None:
    rig = Rig(tmp_path, cells=2)
    rig.steady(20, 0.2)
    found = killed(rig, Random(SEED))
    assert not found.lost
    assert not found.wrong


#: A check with a child in a session of its own, which ends with neither its parent nor its terminal.
FAMILY = """
import subprocess, time
def test_it(variant):
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    with open("child", "w") as stream: stream.write(str(child.pid))
    time.sleep(600)
"""


def test_a_killed_samcheck_takes_what_its_guests_started_with_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    write_suite(tmp_path / "suite", FAMILY)
    orchestrator = rig.start()
    assert gone(lambda: any(path.read_text() for path in tmp_path.glob("runs/*/*/work/child")), 30)
    child = int(next(tmp_path.glob("runs/*/*/work/child")).read_text())
    assert psutil.pid_exists(child)
    kill(orchestrator)
    assert gone(lambda: not psutil.pid_exists(child))
    assert rig.left_over() == []


def test_a_kill_before_the_guest_is_there_starts_none(tmp_path: Path) -> None:
    """The keeper asks the kernel to be told of samcheck's end; it may come too late for that."""
    import subprocess
    import sys

    from samcheck.environments import keeper

    output = tmp_path / "output"
    command = [sys.executable, "-I", "-S", keeper.__file__, "1", str(output), "touch", str(tmp_path / "ran")]
    subprocess.run(command, check=True, timeout=10)  # its parent is not process 1
    time.sleep(0.1)
    assert not (tmp_path / "ran").exists()
