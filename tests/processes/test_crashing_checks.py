"""Whatever a check does to its interpreter costs that check only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.processes.rig import Rig, gone
from tests.processes.scenarios import misbehaving
from tests.processes.trial import Trial, outcomes

AROUND = "def test_before(): pass\n\ndef test_it():\n    {}\n\ndef test_after(): pass\n"


@pytest.mark.parametrize(
    ("body", "sign"),
    [
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
        ("import os; os.abort()", "SIGABRT"),
        ("import os; os._exit(7)", "exit status 7"),
    ],
)
def test_death_costs_one_check(trial: Trial, body: str, sign: str) -> None:
    trial.write(AROUND.format(body))
    result = trial.run()
    assert outcomes(result) == {"before": "passed", "it": "crashed", "after": "passed"}
    assert sign in result.checks[1].reason
    assert trial.starts == 2
    assert result.outcome == "crashed"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("print('going now'); import os; os._exit(1)", "going now"),
        ("import ctypes; ctypes.string_at(0)", "Segmentation fault"),
    ],
)
def test_last_words_are_kept(trial: Trial, body: str, words: str) -> None:
    trial.write(AROUND.format(body))
    assert words in trial.run().checks[1].details


def test_hanging_check_is_stopped_with_its_stack(trial: Trial) -> None:
    trial.check_timeout = 2.0
    trial.write(AROUND.format("import time; time.sleep(600)"))
    result = trial.run()
    assert outcomes(result) == {"before": "passed", "it": "timed-out", "after": "passed"}
    assert "in test_it" in result.checks[1].details
    assert result.outcome == "timed-out"


def test_after_too_many_deaths_no_check_is_started_any_more(trial: Trial) -> None:
    trial.write("".join(f"def test_{n:02}():\n    import os; os._exit(1)\n" for n in range(15)))
    result = trial.run()
    assert trial.starts == 11
    ends = list(outcomes(result).values())
    assert ends.count("crashed") == 11
    assert ends.count("not-run") == 4
    assert all(check.reason for check in result.checks)


def test_death_outside_of_a_check_is_the_cells(trial: Trial) -> None:
    trial.write("def test_it(variant): pass\n")
    with (trial.folder / "suite" / "conftest.py").open("a") as conftest:
        conftest.write("import os; os._exit(3)\n")
    result = trial.run()
    assert result.outcome == "crashed"
    assert "outside of a check: exit status 3" in result.reason
    assert trial.starts == 1


def test_much_output_and_odd_bytes(trial: Trial) -> None:
    body = "import os\n    for _ in range(2000): os.write(2, b'\\xff\\x1b[31m' * 5000)"
    trial.write(AROUND.format(body + "\n    os._exit(1)"))
    result = trial.run()
    assert outcomes(result)["it"] == "crashed"
    assert len(result.checks[1].details) <= 4000


def test_misbehaving_checks_cost_themselves(tmp_path: Path) -> None:
    """One whole run of checks that die, hang, are deaf to SIGTERM, print a lot, fork, and close all files."""
    damage = misbehaving(Rig(tmp_path, check_timeout=4.0), mebibytes=64, forks=6)
    assert not damage.lost
    assert not damage.wrong


def test_a_gigabyte_of_output_is_not_kept(trial: Trial) -> None:
    flood = "import os; block = b'x' * 2**20; [os.write(1, block) for _ in range(1024)]"
    trial.write(AROUND.format(f"{flood}; print('the last words'); os._exit(3)"))
    result = trial.run()
    assert outcomes(result) == {"before": "passed", "it": "crashed", "after": "passed"}
    assert result.checks[1].details.endswith("the last words\n")
    assert (trial.folder / "cell/output-1.log").stat().st_size < 20 * 2**20


#: A process that leaves its session and its parent, as daemons do.
DAEMON = (
    "import subprocess; "
    "print(subprocess.Popen(['sleep', '600'], start_new_session=True).pid, file=open('../daemon', 'w'))"
)


@pytest.mark.parametrize("end", ["pass", "import os; os._exit(3)", "import ctypes; ctypes.string_at(0)"])
def test_what_a_guest_started_ends_with_it(trial: Trial, end: str) -> None:
    trial.write(AROUND.format(f"{DAEMON}; {end}"))
    trial.run()
    assert not psutil.pid_exists(int((trial.folder / "cell" / "daemon").read_text()))


def test_copies_that_a_check_forks_end_with_the_check(trial: Trial) -> None:
    """They neither go on with the other checks nor wait for ever; the original does not wait for them."""
    count = "import psutil; open('../left', 'w').write(str(len(psutil.Process().children(recursive=True))))"
    ended = "import os, time; [os.waitpid(-1, 0) for _ in range(3)]"
    trial.write(
        AROUND.format("import os; [os.fork() for _ in range(3)]")
        + f"def test_left():\n    {ended}; {count}\n"
    )
    result = trial.run()
    assert set(outcomes(result).values()) == {"passed"}
    assert len(result.checks) == 4
    assert (trial.folder / "cell" / "left").read_text() == "0"


def test_a_guest_whose_supervisor_is_killed_ends(trial: Trial) -> None:
    """And so does what it has started, which the supervisor would have ended."""
    kill = "import os, signal; os.kill(os.getppid(), signal.SIGKILL)"
    trial.write(AROUND.format(f"{DAEMON}; {kill}; import time; time.sleep(600)"))
    result = trial.run()
    assert outcomes(result) == {"before": "passed", "it": "crashed", "after": "passed"}
    assert gone(lambda: not Rig(trial.folder).processes())
    daemon = int((trial.folder / "cell" / "daemon").read_text())
    # Whatever is process 1 here may not take in those that have ended.
    assert not psutil.pid_exists(daemon) or psutil.Process(daemon).status() == psutil.STATUS_ZOMBIE


PROGRAM = """
import sys
sys.path.insert(0, {checkout!r})
from pathlib import Path
from tests.processes.trial import Trial
Trial(Path({folder!r})).run()
"""
SLOW = """
import os, time
def note(name):
    with open({log!r}, "a") as stream: stream.write(name + chr(10))
""" + "".join(f"def test_{n}():\n    note('{n}'); time.sleep(0.4)\n" for n in range(8))


def wait_for_lines(log: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while not log.exists() or log.read_text().count("\n") < count:
        assert process.poll() is None, "it ended too early"
        assert time.monotonic() < end, "it did not get on"
        time.sleep(0.05)


def test_killed_samcheck_loses_nothing_and_repeats_nothing(trial: Trial, tmp_path: Path) -> None:
    log = tmp_path / "log"
    trial.write(SLOW.format(log=str(log)))
    checkout = str(Path(__file__).resolve().parents[2])
    program = PROGRAM.format(checkout=checkout, folder=str(tmp_path))
    orchestrator = subprocess.Popen([sys.executable, "-c", program])
    wait_for_lines(log, 3, orchestrator)
    guests = psutil.Process(orchestrator.pid).children(recursive=True)
    orchestrator.send_signal(signal.SIGKILL)
    orchestrator.wait()
    _, left = psutil.wait_procs(guests, timeout=5)
    assert len(guests) == 2  # the supervisor and the guest
    assert not left
    begun = log.read_text().split()

    result = trial.run()
    assert set(outcomes(result).values()) == {"passed"}
    assert len(result.checks) == 8
    again = log.read_text().split()[len(begun) :]
    # Only the one that was running when the kill came may run again.
    assert set(begun[:-1]).isdisjoint(again)
    assert not [check for check in result.checks if check.outcome != "passed"]


def test_interrupt_leaves_no_process(trial: Trial, tmp_path: Path) -> None:
    log = tmp_path / "log"
    trial.write(SLOW.format(log=str(log)))
    checkout = str(Path(__file__).resolve().parents[2])
    program = PROGRAM.format(checkout=checkout, folder=str(tmp_path))
    orchestrator = subprocess.Popen([sys.executable, "-c", program], start_new_session=True)
    wait_for_lines(log, 1, orchestrator)
    guests = psutil.Process(orchestrator.pid).children(recursive=True)
    os.kill(orchestrator.pid, signal.SIGINT)
    orchestrator.wait(timeout=20)
    assert guests
    assert not [guest for guest in guests if guest.is_running()]
