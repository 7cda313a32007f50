"""Every signal that asks samcheck to end does so in order: nothing is left, and --resume goes on."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import termios
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from samcheck.signals import ENDING
from tests.processes.rig import Rig, gone, write_suite


def _announced(rig: Rig) -> bool:
    return "matrix stand-in" in rig.said


def interrupted(rig: Rig, status: int) -> None:
    """It ended in order, left nothing, and goes on when it is resumed."""
    assert status == 130, rig.said
    assert "Traceback" not in rig.said
    assert rig.left_over() == []
    kept = rig.finished()
    assert rig.run(resume=True) == 0, rig.said
    assert rig.finished() >= kept
    assert [result.outcome for result in rig.results().values()] == ["passed"] * rig.cells


@pytest.mark.parametrize("sign", ENDING, ids=lambda sign: sign.name)
def test_a_signal_ends_the_run_and_its_guests(tmp_path: Path, sign: signal.Signals) -> None:
    rig = Rig(tmp_path)
    rig.steady(8, 0.3)
    orchestrator = rig.start()
    assert gone(lambda: len(rig.finished()) > 1, 30)
    orchestrator.send_signal(sign)
    status = orchestrator.wait(20)
    assert "interrupted; finished results are kept, --resume continues from here" in rig.said
    interrupted(rig, status)


def test_a_run_under_nohup_goes_on(tmp_path: Path) -> None:
    """What was ignored when samcheck started stays so."""
    rig = Rig(tmp_path)
    rig.steady(6, 0.2)
    orchestrator = rig.start(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    assert gone(lambda: len(rig.finished()) > 1, 30)
    orchestrator.send_signal(signal.SIGHUP)
    assert orchestrator.wait(60) == 0
    assert max(rig.begun().values()) == 1


def test_a_terminal_that_goes_away_ends_the_run(tmp_path: Path) -> None:
    """As when ssh loses its connection: SIGHUP, and no write to the terminal works any more."""
    rig = Rig(tmp_path)
    rig.steady(8, 0.3)
    master, slave = pty.openpty()

    def control() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    orchestrator = rig.start(stdin=slave, stdout=slave, stderr=slave, preexec_fn=control)
    os.close(slave)
    assert gone(lambda: len(rig.finished()) > 1, 30)
    os.close(master)
    interrupted(rig, orchestrator.wait(20))


#: Does not end when it is asked to, and its child neither: the supervisor waits some seconds before it kills.
DEAF = """
import os, signal, subprocess, sys, time
def test_it(variant):
    if os.path.exists("../begun"): return
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen(["sh", "-c", "trap '' TERM; sleep 600; sleep 600"], start_new_session=True)
    with open("../begun", "w") as stream: stream.write("x")
    time.sleep(600)
"""


@pytest.mark.parametrize("pause", [0.0, 0.3, 2.5])
def test_ctrl_c_again_and_again_leaves_no_guest(tmp_path: Path, pause: float) -> None:
    rig = Rig(tmp_path)
    write_suite(tmp_path / "suite", DEAF)
    orchestrator = rig.start()
    assert gone(lambda: any(rig.folder.glob("runs/*/*/begun")), 30)
    for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        orchestrator.send_signal(number)
        time.sleep(pause)
        if orchestrator.poll() is not None:
            break
    interrupted(rig, orchestrator.wait(60))


def test_many_signals_at_any_moment(tmp_path: Path) -> None:
    """From its very start to its end: none is left behind, and none makes a traceback."""
    for number in range(6):
        rig = Rig(tmp_path / str(number), cells=2, environment={"JOBS": "2"})
        rig.folder.mkdir()
        rig.steady(4, 0.2)
        orchestrator = rig.start()
        assert gone(partial(_announced, rig), 30)
        time.sleep(number * 0.25)
        while orchestrator.poll() is None:
            orchestrator.send_signal(ENDING[number % len(ENDING)])
            time.sleep(0.05)
        assert orchestrator.returncode in (0, 130), rig.said
        assert "Traceback" not in rig.said
        assert rig.left_over() == []


def test_a_builder_ends_with_its_run(tmp_path: Path) -> None:
    rig = Rig(tmp_path, environment={"BUILDS_FOR_EVER": "1"})
    rig.steady(1, 0.0)
    orchestrator = rig.start()
    family = psutil.Process(orchestrator.pid)
    assert gone(lambda: any("sleep" in child.name() for child in family.children(recursive=True)), 30)
    children = family.children(recursive=True)
    orchestrator.send_signal(signal.SIGHUP)
    assert orchestrator.wait(20) == 130
    assert gone(lambda: not any(child.is_running() for child in children))


def test_a_reader_that_does_not_read_does_not_keep_samcheck(tmp_path: Path) -> None:
    """Its pipe is full; Ctrl-C ends everything all the same."""
    rig = Rig(tmp_path)
    rig.steady(4, 0.1)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while os.write(writing, bytes(4096)):
            pass
    except BlockingIOError:
        os.set_blocking(writing, True)
    orchestrator = rig.start(stdout=writing)
    assert gone(lambda: any(tmp_path.glob("runs/*/run.json")), 30)
    time.sleep(1.0)
    assert orchestrator.poll() is None
    orchestrator.send_signal(signal.SIGINT)
    assert orchestrator.wait(20) == 130
    os.close(reading)
    os.close(writing)
    assert "interrupted" in rig.said
