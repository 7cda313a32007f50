"""The journal: one JSON line per event, sent to the host at once, so that a crash loses at most one check.

The host passes the path of a FIFO whose other end it holds: what was written there cannot be undone. A
regular file also works, to run the suite without a host.
"""

from __future__ import annotations

import json
import math
import os
import time
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any, Dict, List, Optional, Tuple

from .outcomes import CheckOutcome
from .record import CheckResult

#: Exit status of a guest that cannot deliver its events (EX_IOERR of sysexits.h).
LOST = 74


class EventWriter:
    """Writer of journal events.

    Events: ``importing`` (a module that checks are collected from), ``collected`` (the checks about to run),
    ``started`` and ``finished`` (one check each), ``not-collected`` (a module that could not be imported),
    ``weights``, ``computing`` (how far a slow reference is), ``ended`` (the session).
    """

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)
        self._process = os.getpid()
        self._kept = self._open()
        self._identity = _identity(self._kept)

    def _open(self) -> int:
        # Without O_NONBLOCK, opening a FIFO without a reader would block forever.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        handle = os.open(self._path, flags, 0o644)
        os.set_blocking(handle, True)
        return handle

    def _write(self, event: str, **fields: Any) -> None:
        self.require_original()
        line: Dict[str, Any] = {"event": event, "at": round(time.time(), 3)}
        line.update(fields)
        content = (json.dumps(line, sort_keys=True, allow_nan=False) + "\n").encode()
        try:
            handle = self._handle()
            while content:
                content = content[os.write(handle, content) :]
        except OSError as error:
            _give_up(error)

    def _handle(self) -> int:
        """Return the file descriptor kept since the start, or a new one if a check closed or replaced it.

        Keeping one helps when no descriptor is left; opening another helps when a check closed all.
        """
        if _identity(self._kept) != self._identity:
            self._kept = self._open()
        return self._kept

    def require_original(self) -> None:
        """Exit if this is a copy forked by a check: it would continue with the checks of the original."""
        if os.getpid() != self._process:
            os._exit(0)

    def importing(self, module: str) -> None:
        self._write("importing", module=storable(module))

    def collected(self, checks: List[CheckResult]) -> None:
        self._write("collected", checks=[storable(asdict(check)) for check in checks])

    def not_collected(self, module: str, group: str, reason: str, details: str) -> None:
        said = {"module": module, "group": group, "reason": reason, "details": details}
        self._write("not-collected", **storable(said))

    def started(self, check: str) -> None:
        self._write("started", check=storable(check))

    def finished(self, result: CheckResult) -> None:
        """Report how a check ended; if it stored something that JSON cannot represent, it fails."""
        try:
            self._write("finished", result=storable(asdict(result)))
        except Exception as error:  # objects stored by a check may raise anything when copied
            reason = "a stored value cannot be written: {}: {}".format(type(error).__name__, error)
            bare = replace(
                result,
                outcome=CheckOutcome.FAILED,
                reason=reason[:500],
                defect=None,
                evidence="",
                metrics={},
                settings={},
                series=[],
                pictures={},
            )
            self._write("finished", result=storable(asdict(bare)))

    def weights(self, variant: str, description: str) -> None:
        self._write("weights", **storable({"variant": variant, "description": description}))

    def computing(self, done: int, total: int, seconds: float) -> None:
        """Report how many steps of a reference are done after these seconds; ignored in a fork."""
        if os.getpid() == self._process:
            self._write("computing", done=done, total=total, seconds=seconds)

    def ended(self, exit_status: int) -> None:
        self._write("ended", exit_status=exit_status)


def _identity(handle: int) -> Optional[Tuple[int, int]]:
    """Identify the file behind a descriptor; None if it is closed."""
    with suppress(OSError):
        status = os.fstat(handle)
        return status.st_dev, status.st_ino
    return None


def storable(value: Any) -> Any:
    """Replace what JSON cannot represent: lone surrogates (as in file names), numbers that are not finite."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, (list, tuple)):
        return [storable(item) for item in value]
    if isinstance(value, dict):
        return {storable(name): storable(item) for name, item in value.items() if not _not_finite(item)}
    return value


def _not_finite(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _give_up(error: OSError) -> None:
    """Exit at once: pytest would attribute the error to the check that has just finished."""
    try:
        os.write(2, "\nsamcheck: {}\n".format(error.strerror or error).encode())
    finally:
        os._exit(LOST)
