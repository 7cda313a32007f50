"""Whether this process is still fit to run checks, or the last check broke something the next ones need.

Limits, standard streams, timers and the like belong to the whole process. A check that changes them would
make later checks fail, which are not to blame; the suite then continues in a new process.
"""

from __future__ import annotations

import builtins
import os
import resource
import signal
import sys
import tempfile
from contextlib import suppress
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

#: Exit status of a guest that a check has made unfit (EX_TEMPFAIL of sysexits.h).
UNFIT = 75
#: Number of free file descriptors that a check may need; fewer count as exhausted.
FEWEST_FREE = 64
STANDARD = {0: "stdin", 1: "stdout", 2: "stderr"}
LIMITS = {
    name: getattr(resource, name)
    for name in (
        *("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_NPROC"),
        "RLIMIT_STACK",
    )
    if hasattr(resource, name)
}
TIMERS = {"ITIMER_REAL": "SIGALRM", "ITIMER_VIRTUAL": "SIGVTALRM", "ITIMER_PROF": "SIGPROF"}
#: Where checks write, and MiB that must be free there: as many as at the start, but at most this.
WRITTEN, ROOM_MIB = (tempfile.gettempdir(), "/dev/shm"), 32  # noqa: S108  only inspected

#: What a check knows to have broken beyond repair.
REPORTED: List[str] = []


class Fitness:
    """The state of the process before the first check."""

    def __init__(self) -> None:
        self._limits = _limits()
        self._streams = _streams()
        self._kept = {name: read() for name, read in KEPT.items()}
        self._ignored = _ignored()
        self._recursion = sys.getrecursionlimit()
        self._path = list(sys.path)
        self._folder = os.getcwd()
        self._room = {path: _free_mib(path) for path in (os.getcwd(), *WRITTEN)}

    def damage(self) -> str:
        """Describe briefly what a check has broken; empty if nothing."""
        lost = "; ".join(REPORTED) or _cuda_error()
        if lost:
            return lost
        limits, streams = _limits(), _streams()
        changed = [name for name in self._limits if limits[name] != self._limits[name]]
        if changed:
            name = changed[0]
            return "{} is {} instead of {}".format(name, limits[name], self._limits[name])
        gone = [name for number, name in STANDARD.items() if streams[number] != self._streams[number]]
        if gone:
            return "{} is closed or redirected".format(gone[0])
        return self._settings() or _timer() or self._go_back() or _descriptors() or self._full()

    def _settings(self) -> str:
        changed = [name for name, before in self._kept.items() if KEPT[name]() != before]
        if changed:
            return "{} changed".format(changed[0])
        ignored = sorted(_ignored() - self._ignored)
        if ignored:
            return "signal {} is ignored".format(ignored[0])
        if sys.getrecursionlimit() < self._recursion:
            return "the recursion limit is {} instead of {}".format(sys.getrecursionlimit(), self._recursion)
        lost = [path for path in self._path if path not in sys.path]
        return "{} is no longer in sys.path".format(lost[0]) if lost else ""

    def _go_back(self) -> str:
        """Return to the directory where the suite started."""
        try:
            os.chdir(self._folder)
        except OSError:
            return "the working directory was removed"
        return ""

    def _full(self) -> str:
        full = [path for path, before in self._room.items() if _free_mib(path) < min(before, ROOM_MIB)]
        return "less than {} MiB are free in {}".format(ROOM_MIB, full[0]) if full else ""


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _environment() -> Dict[str, str]:
    """The variables that existed at the start; libraries add their own."""
    return {name: os.environ.get(name, "") for name in ENVIRONMENT}


#: Names of the variables at the start; pytest changes one of its own.
ENVIRONMENT = [name for name in os.environ if not name.startswith("PYTEST_")]
BUILTINS = list(vars(builtins))
#: State that must not change.
KEPT: Dict[str, Callable[[], Any]] = {
    "the umask": _umask,
    "the blocked signals": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, []),
    "the processors it may use": lambda: os.sched_getaffinity(0),
    "the environment variables": _environment,
    "Python's builtins": lambda: [id(vars(builtins).get(name)) for name in BUILTINS],
}


def _limits() -> Dict[str, Tuple[int, int]]:
    return {name: resource.getrlimit(number) for name, number in LIMITS.items()}


def _streams() -> Dict[int, Optional[Tuple[int, int]]]:
    streams: Dict[int, Optional[Tuple[int, int]]] = {}
    for number in STANDARD:
        streams[number] = None
        with suppress(OSError):
            status = os.fstat(number)
            streams[number] = (status.st_dev, status.st_ino)
    return streams


def _ignored() -> Set[int]:
    every = range(1, signal.NSIG)
    return {int(number) for number in every if signal.getsignal(number) == signal.SIG_IGN}


def _cuda_error() -> str:
    """Return the error of a kernel that the check has started, once all of them are done.

    Kernels run behind the program, which learns of their errors at a later call. After most of them no call
    to CUDA in this process succeeds any more, and a check that is not to blame would be the first to say so.
    """
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    if cuda is None or not cuda.is_initialized():
        return ""
    try:
        cuda.synchronize()
    except RuntimeError as error:
        return str(error).strip().partition("\n")[0]
    return ""


def _timer() -> str:
    for name, sent in TIMERS.items():
        if signal.getitimer(getattr(signal, name))[0]:
            return "a timer is still running that will send {}".format(sent)
    with suppress(OSError), open("/proc/self/timers", "rb") as stream:
        # A POSIX timer; those of libraries notify a thread instead.
        return "a timer is still running that will send a signal" if b"signal/pid" in stream.read() else ""
    return ""


def _free_mib(path: str) -> int:
    try:
        status = os.statvfs(path)
    except OSError:
        return 0
    return status.f_bavail * status.f_frsize // 2**20


def _descriptors() -> str:
    try:
        used = len(os.listdir("/proc/self/fd"))
    except FileNotFoundError:  # a system without /proc
        return ""
    except OSError as error:
        return "no file can be opened: {}".format(error.strerror)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit != resource.RLIM_INFINITY and limit - used < FEWEST_FREE:
        return "{} of {} file descriptors are open".format(used, limit)
    return ""
