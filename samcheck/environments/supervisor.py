"""Supervise one guest: cap its output and kill its process tree, even if samcheck is killed.

    python -I -S supervisor.py PARENT OUTPUT COMMAND...

It is a separate process because a killed samcheck cannot clean up, and because only the adopting process can
find orphaned ones. It exits the way the guest exited.
"""

from __future__ import annotations

import ctypes
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress

#: Minimum number of bytes kept of the output's end; at most twice that is kept.
KEPT_BYTES = 8 * 2**20
#: Time between SIGTERM and SIGKILL for a guest.
GRACE_SECONDS = 5.0
#: Time for helpers that exit after the guest and remove what they shared.
HELPERS_SECONDS = 1.0
#: A process that hangs in a driver cannot be killed; it is abandoned after this time.
UNKILLABLE_SECONDS = 20.0

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_LIBC = ctypes.CDLL(None)


class Output:
    """A file for the guest's output, truncated at its beginning when it grows too long."""

    def __init__(self, path: str) -> None:
        self._stream = open(path, "a+b", buffering=0)  # noqa: SIM115  open as long as this process

    def write(self, block: bytes) -> None:
        with suppress(OSError):  # on a full disk the guest continues; its journal is what counts
            self._stream.write(block)
            if self._stream.tell() > 2 * KEPT_BYTES:
                self._cut()

    def _cut(self) -> None:
        size = self._stream.seek(0, os.SEEK_END)
        self._stream.seek(size - KEPT_BYTES)
        kept = self._stream.read(KEPT_BYTES)
        self._stream.truncate(0)
        self._stream.write(b"[earlier output was left out]\n" + kept)


class Supervisor:
    """Supervisor of the guest, its output, and everything that it started."""

    def __init__(self, parent: int, output: Output, command: list[str]) -> None:
        self.output = output
        self.status: int | None = None
        self._told = _signals()
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGHUP, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(0)  # the parent was killed before the kernel was asked to notify
        self._printed, writing = os.pipe()
        self.guest = os.fork()
        if self.guest == 0:
            _become(command, writing)
        os.close(writing)
        os.set_blocking(self._printed, False)

    def keep(self) -> int:
        """Wait until the guest has ended, by itself or on request; return its status."""
        end = float("inf")
        while self.status is None:
            received = self._step(0.05 if end < float("inf") else 60.0)
            if signal.SIGTERM in received:
                end = min(end, time.monotonic() + GRACE_SECONDS)
                _send(signal.SIGTERM, self._family())
            if signal.SIGHUP in received or time.monotonic() > end:
                _send(signal.SIGKILL, [self.guest])
                end = float("inf")
                self._settle(UNKILLABLE_SECONDS, lambda: self.status is not None)
                break
        self._end_family()
        self._read()
        return self.status if self.status is not None else signal.SIGKILL

    def _step(self, seconds: float) -> set[int]:
        """Wait for output or a signal, handle both; return the signals."""
        select.select([self._printed, self._told] if self._printed >= 0 else [self._told], [], [], seconds)
        received = set()
        with suppress(BlockingIOError):
            received = set(os.read(self._told, 4096))
        self._read()
        self._reap()
        return received

    def _read(self) -> None:
        while self._printed >= 0:
            try:
                block = os.read(self._printed, 2**16)
            except BlockingIOError:
                return
            if not block:
                os.close(self._printed)
                self._printed = -1
                return
            self.output.write(block)

    def _reap(self) -> bool:
        """Reap ended children; return whether any are left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.guest:
                self.status = status

    def _family(self) -> list[int]:
        """Return all descendants: this process adopts orphans."""
        children: dict[int, list[int]] = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                children.setdefault(_parent(entry), []).append(int(entry))
        family, new = [], [os.getpid()]
        while new:
            new = [child for pid in new for child in children.get(pid, ())]
            family += new
        return family

    def _end_family(self) -> None:
        """Let helpers end by themselves, then kill what is left."""
        self._settle(HELPERS_SECONDS, lambda: not self._reap())
        stopped: set[int] = set()
        end = time.monotonic() + UNKILLABLE_SECONDS
        while self._reap() and time.monotonic() < end:
            family = set(self._family())
            # Stop them first: one that forks as fast as it is killed would never end.
            _send(signal.SIGSTOP if family - stopped else signal.SIGKILL, sorted(family))
            stopped |= family
            self._read()
            time.sleep(0.005)

    def _settle(self, seconds: float, done: Callable[[], bool]) -> None:
        end = time.monotonic() + seconds
        while not done() and time.monotonic() < end:
            self._step(0.02)


def _signals() -> int:
    """Return a file descriptor that receives each signal; none of them ends this process."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    return reading


def _become(command: list[str], writing: int) -> None:
    """Turn this child into the guest; the kernel kills it with its supervisor."""
    supervisor = os.getppid()
    try:
        os.setsid()
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != supervisor:
            os._exit(0)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash must not leave hundreds of MB
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        os.write(2, f"{command[0]} cannot be started: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def _parent(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            return int(stream.read().rpartition(b")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0  # it has just ended


def _send(number: int, pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _end_like(status: int) -> None:
    """Exit by the same signal or with the same status."""
    if os.WIFSIGNALED(status):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with suppress(OSError):
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.waitstatus_to_exitcode(status))


def main() -> None:
    parent, output, *command = sys.argv[1:]
    _end_like(Supervisor(int(parent), Output(output), command).keep())


if __name__ == "__main__":
    main()
