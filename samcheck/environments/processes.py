"""Running a guest as a child process: isolated from this one's settings, and never left behind."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from contextlib import suppress

import psutil

from samcheck.environments import CHECKOUT, Ended, Job, substitute

#: What a guest gets from the environment of this process. PYTHONPATH and PYTEST_ADDOPTS, say, must
#: not reach it.
PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "SAMCHECK_CHECKPOINTS",
)
POLL_SECONDS = 0.1
GRACE_SECONDS = 5.0
PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """Have the kernel end the guest when samcheck is killed (called in the child)."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def run(python: str, job: Job) -> Ended:
    """Run `job` with the interpreter `python` in a session of its own."""
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environment["PYTHONPATH"] = str(CHECKOUT)
    environment["PYTHONUNBUFFERED"] = "1"  # a guest's last words before it dies
    command = [python, *substitute(job.arguments, str(CHECKOUT), str(job.work))]
    with job.output.open("ab") as output:
        guest = subprocess.Popen(
            command,
            cwd=job.work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509  one prctl call, no lock is taken
        )
    try:
        return _wait(guest, job)
    finally:
        _end(guest)


def _wait(guest: subprocess.Popen[bytes], job: Job) -> Ended:
    while guest.poll() is None:
        if not job.alive():
            _end(guest)
            return Ended(None, "SIGKILL", "no progress")
        time.sleep(POLL_SECONDS)
    code = guest.returncode
    return Ended(code) if code >= 0 else Ended(None, signal.Signals(-code).name)


def _end(guest: subprocess.Popen[bytes]) -> None:
    """End the guest and all its descendants: asked first, then killed."""
    try:
        family = [psutil.Process(guest.pid), *psutil.Process(guest.pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, left = psutil.wait_procs(family, timeout=GRACE_SECONDS)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    guest.wait()
