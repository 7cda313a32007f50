"""Signals that end samcheck, while something is cleaned up, and while they are polled."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
#: Installs the handlers; then another process sends this one signals without a pause while it does `{}`.
STORM = """
import subprocess, sys, time
from samcheck import signals, streams
streams.take_over()
signals.install()
SENDER = '''
import os, sys, time
end = time.monotonic() + 3
while time.monotonic() < end:
    for number in sys.argv[1:]: os.kill(os.getppid(), int(number))
'''
def storm():
    return subprocess.Popen([sys.executable, "-c", SENDER, *(str(int(number)) for number in signals.ENDING)])
{}
print("heard", asked)
"""
POLLED = """
asked = 0
with signals.polled():
    sender = storm()
    while sender.poll() is None:
        try: signals.check()
        except KeyboardInterrupt: asked = 1
"""
HELD = """
with signals.held():
    sender = storm()
    while sender.poll() is None: time.sleep(0.0001)
asked = 1
"""


@pytest.mark.parametrize("body", [POLLED, HELD], ids=["polled", "held"])
def test_a_storm_of_signals_ends_once(body: str) -> None:
    """Handlers interrupt each other, so that none may wait for anything."""
    done = subprocess.run(
        [sys.executable, "-c", STORM.format(body)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "heard 1\n", "")


def test_a_repeated_signal_is_one_wish() -> None:
    """The second one of two does not come in the middle of what the first one sets off."""
    code = """
import os, signal
from samcheck import signals, streams
streams.take_over(); signals.install()
try:
    os.kill(os.getpid(), signal.SIGHUP)
    raise SystemExit("not ended")
except KeyboardInterrupt:
    os.kill(os.getpid(), signal.SIGINT)
    signals._state.last -= signals.REPEAT_SECONDS
    try: os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt: print("ended, and again")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("ended, and again\n", "")


@pytest.mark.parametrize(
    ("number", "ends"), [(signal.SIGHUP, False), (signal.SIGINT, False), (signal.SIGTERM, True)]
)
def test_what_was_ignored_stays_so(number: signal.Signals, ends: bool) -> None:
    """As by `nohup`, and by a shell in the background; SIGTERM is how a CI asks before it kills."""
    code = "import os, sys; from samcheck import signals; signals.install(); os.kill(os.getpid(), {})"
    done = subprocess.run(
        [sys.executable, "-c", code.format(int(number))],
        cwd=CHECKOUT,
        capture_output=True,
        check=False,
        preexec_fn=lambda: signal.signal(number, signal.SIG_IGN),
    )
    assert (b"KeyboardInterrupt" in done.stderr) == ends


def test_an_interruption_that_a_library_makes_an_error_of_its_own() -> None:
    """As pydantic does while it compiles a model."""
    code = """
import os, signal
from samcheck import __main__ as entry
def command(standalone_mode):
    try: os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt as error: raise ValueError("cannot be compiled") from error
entry.cli = command
entry.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "samcheck: interrupted\n")


def test_a_mask_that_a_parent_forgot_is_lifted() -> None:
    code = (
        "import os; from samcheck import signals; signals.install(); os.kill(os.getpid(), 15); print('deaf')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=CHECKOUT,
        capture_output=True,
        check=False,
        preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]),
    )
    assert b"KeyboardInterrupt" in done.stderr
    assert done.stdout == b""
