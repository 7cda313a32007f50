"""kill -9 of samcheck at any moment loses no finished check and no stored result, and leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import psutil

from samcheck.environments import supervisor
from tests.processes.rig import Rig, gone, kill, write_suite
from tests.processes.scenarios import killed

#: Another one tries other moments.
SEED = int(os.environ.get("SAMCHECK_SURVIVAL_SEED", "2026"))


def test_ten_kills_at_random_moments(tmp_path: Path) -> None:
    rig = Rig(tmp_path, cells=2)
    rig.steady(20, 0.2)
    damage = killed(rig, Random(SEED))
    assert not damage.lost
    assert not damage.wrong


def test_a_run_that_goes_on_is_not_resumed_by_another(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.steady(20, 0.3)
    first = rig.start()
    assert gone(lambda: len(rig.finished()) > 1, 30)
    assert rig.run(resume=True) == 2
    assert "is still active in another process" in rig.said
    assert first.wait(60) == 0
    assert max(rig.begun().values()) == 1


def test_a_damaged_result_is_made_again_from_the_journals(tmp_path: Path) -> None:
    rig = Rig(tmp_path, cells=2)
    rig.steady(12, 0.2)
    orchestrator = rig.start()
    assert gone(lambda: any(tmp_path.glob("runs/*/*/result.json")), 60)
    kill(orchestrator)
    for path in tmp_path.glob("runs/*/*/result.json"):
        path.write_bytes(path.read_bytes()[:100])
    assert rig.run(resume=True) == 0
    begun = {check for (cell, check), count in rig.begun().items() if cell.endswith("numpy0.0") and count > 1}
    assert begun == set()


#: A check with a child in a session of its own, which ends with neither its parent nor its terminal.
FAMILY = """
import subprocess, time
def test_it(variant):
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    with open({child!r}, "w") as stream: stream.write(str(child.pid))
    time.sleep(600)
"""


def test_a_killed_samcheck_takes_what_its_guests_started_with_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    write_suite(tmp_path / "suite", FAMILY.format(child=str(tmp_path / "child")))
    orchestrator = rig.start()
    note = tmp_path / "child"
    assert gone(lambda: note.exists() and note.read_text() != "", 30)
    child = int(note.read_text())
    assert psutil.pid_exists(child)
    kill(orchestrator)
    assert gone(lambda: not psutil.pid_exists(child))
    assert rig.left_over() == []


#: Runs uv as a build does; what it runs takes long.
BUILDING = """
import sys
from pathlib import Path
from samcheck.environments import venv
code = f"open({sys.argv[1] + '/begun'!r}, 'w'); import time; time.sleep(600)"
venv._uv(Path(sys.argv[1]) / "log", "run", "--no-project", "--python", sys.executable, "python", "-c", code)
"""


def test_a_killed_samcheck_takes_its_installer_with_it(tmp_path: Path) -> None:
    """Or it would go on in the folder in which --resume begins anew."""
    checkout = Path(__file__).resolve().parents[2]
    builder = subprocess.Popen([sys.executable, "-c", BUILDING, str(tmp_path)], cwd=checkout)
    assert gone((tmp_path / "begun").exists, 30)
    family = psutil.Process(builder.pid).children(recursive=True)
    kill(builder)
    assert family
    assert gone(lambda: not any(psutil.pid_exists(member.pid) for member in family))


def test_a_kill_before_the_guest_is_there_starts_none(tmp_path: Path) -> None:
    """The supervisor asks the kernel to be told of samcheck's end; it may come too late for that."""
    output = tmp_path / "output"
    command = [
        sys.executable,
        "-I",
        "-S",
        supervisor.__file__,
        "1",
        str(output),
        "touch",
        str(tmp_path / "ran"),
    ]
    subprocess.run(command, check=True, timeout=10)  # its parent is not process 1
    time.sleep(0.1)
    assert not (tmp_path / "ran").exists()
