"""Guests as child processes: isolated from this process's settings, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from samcheck import files, paths
from samcheck.environments import (
    EndCause,
    Ended,
    GuestJob,
    own_variables,
    own_variant,
    substitute,
    supervisor,
)

#: Environment variables passed on to a guest. PYTHONPATH and PYTEST_ADDOPTS, for example, must not be.
PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    # https://docs.nvidia.com/deploy/mps/latest/appendix-environment-variables.html
    "CUDA_MPS_PIPE_DIRECTORY",
    "CUDA_MPS_LOG_DIRECTORY",
    "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE",
    "CUDA_MPS_ENABLE_PER_CTX_DEVICE_MULTIPROCESSOR_PARTITIONING",
    "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT",
    "CUDA_MPS_CLIENT_PRIORITY",
    "CC",  # what Triton and inductor compile with
    "CXX",
    "SAMCHECK_CACHE",
    "SAMCHECK_CHECKPOINTS",
)
#: Set to 1 for every guest: its last output is not lost in a buffer, and nothing is imported from its working
#: folder (Python 3.11 and newer; for older ones `samcheck.guest.launch` ensures that).
SWITCHED_ON = ("PYTHONUNBUFFERED", "PYTHONSAFEPATH")
#: Environment variable that marks every process of one start of a guest.
MARK = "SAMCHECK_START"
POLL_SECONDS = 0.1
#: The longest that a supervisor takes to end its guest, with some margin.
STOP_SECONDS = supervisor.GRACE_SECONDS + supervisor.HELPERS_SECONDS + 2 * supervisor.UNKILLABLE_SECONDS + 5.0


def run(python: str, job: GuestJob, packages: Sequence[str] = ()) -> Ended:
    """Run `job` with the interpreter `python`, in its own session, under a supervisor.

    `packages` are folders with packages that the interpreter lacks.
    """
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    source = str(paths.source())
    environment["PYTHONPATH"] = os.pathsep.join((source, *packages))
    environment |= dict.fromkeys(SWITCHED_ON, "1") | own_variables(str(job.work))
    environment |= own_variant.environment(job.variants, lambda variant: str(variant.path))
    environment[MARK] = str(uuid.uuid4())
    # In the shared folder, pytest removes what other sessions left when it exits, which can take minutes.
    environment["PYTEST_DEBUG_TEMPROOT"] = str(job.work)
    if not os.access(environment.get("HOME", ""), os.W_OK):  # compilers cache their output there
        environment["HOME"] = str(job.work)
    if job.gpu:  # CUDA may order the GPUs differently from the driver
        environment |= {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": job.gpu}
    guest = subprocess.Popen(
        kept(
            [python, *substitute(job.arguments, source, str(job.given), str(job.work))],
            job.output,
        ),
        cwd=job.work,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for samcheck, which then ends its guests
    )
    try:
        return _wait(guest, job)
    finally:
        _end(guest)
        _end_marked(f"{MARK}={environment[MARK]}")


def _end_marked(mark: str) -> None:
    """Kill the guest's processes that are left if the guest killed its supervisor."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if mark.encode() in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0"):
                process.kill()


def installed(
    command: Sequence[str], log: Path, environment: dict[str, str], folder: Path | None = None
) -> tuple[int, str]:
    """Run an installer or builder, in a `folder` if given; return its status and output, also kept in `log`.

    It is supervised: otherwise the builder of a killed samcheck would keep running next to that of --resume.
    """
    files.clear_way(log)
    with log.open("a", encoding="utf-8") as stream:
        stream.write(f"+ {' '.join(command)}\n")
    before = log.stat().st_size
    done = subprocess.run(
        kept(command, log), env=environment, stdin=subprocess.DEVNULL, cwd=folder, check=False
    )
    return done.returncode, log.read_bytes()[before:].decode("utf-8", "replace")


def kept(command: Sequence[str], output: Path) -> list[str]:
    """Wrap `command` in a supervisor: it cannot outlive this process, and its output goes to `output`."""
    return [sys.executable, "-I", "-S", supervisor.__file__, str(os.getpid()), str(output), *command]


def _wait(guest: subprocess.Popen[bytes], job: GuestJob) -> Ended:
    while guest.poll() is None:
        if not job.alive():
            _end(guest)
            return Ended(None, "SIGKILL", EndCause.NO_PROGRESS)
        time.sleep(POLL_SECONDS)
    code = guest.returncode
    return Ended(code) if code >= 0 else Ended(None, signal.Signals(-code).name)


def _end(guest: subprocess.Popen[bytes]) -> None:
    """Have the supervisor end its guest and everything that it started."""
    guest.terminate()
    try:
        guest.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        guest.kill()
        guest.wait()
