"""Is this process still fit to run checks, or did the last one break something that the next ones need?

Limits, standard streams and timers belong to the whole process. A check that changes them would fail the
checks behind it, which are not to blame; the suite then goes on in a new process.
"""

from __future__ import annotations

import os
import resource
import signal
from contextlib import suppress
from typing import Dict, Optional, Tuple

#: Exit status of a guest that a check has made unfit (EX_TEMPFAIL of sysexits.h).
UNFIT = 75
#: File descriptors that a check may need: fewer than this left is none to speak of.
FEWEST_FREE = 64
STANDARD = {0: "stdin", 1: "stdout", 2: "stderr"}
LIMITS = {
    name: getattr(resource, name)
    for name in ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_NPROC")
    if hasattr(resource, name)
}


class Fitness:
    """What the process was like before the first check."""

    def __init__(self) -> None:
        self._limits = _limits()
        self._streams = _streams()

    def damage(self) -> str:
        """What a check has broken, in a few words; empty if nothing."""
        limits, streams = _limits(), _streams()
        changed = [name for name in self._limits if limits[name] != self._limits[name]]
        if changed:
            name = changed[0]
            return "{} is {} instead of {}".format(name, limits[name], self._limits[name])
        gone = [name for number, name in STANDARD.items() if streams[number] != self._streams[number]]
        if gone:
            return "{} is closed or leads elsewhere".format(gone[0])
        if signal.getitimer(signal.ITIMER_REAL)[0]:
            return "a timer is still running that will send SIGALRM"
        return _folder() or _descriptors()


def _limits() -> Dict[str, Tuple[int, int]]:
    return {name: resource.getrlimit(number) for name, number in LIMITS.items()}


def _streams() -> Dict[int, Optional[Tuple[int, int]]]:
    found: Dict[int, Optional[Tuple[int, int]]] = {}
    for number in STANDARD:
        found[number] = None
        with suppress(OSError):
            status = os.fstat(number)
            found[number] = (status.st_dev, status.st_ino)
    return found


def _folder() -> str:
    try:
        os.getcwd()
    except OSError:
        return "the working directory was removed"
    return ""


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
