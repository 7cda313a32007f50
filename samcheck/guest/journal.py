"""The journal: one flushed JSON line per event, so that a segfault loses one check and no more."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from typing import Any, Dict, List

from .record import CheckResult

#: Exit status of a guest that could not write its journal (EX_IOERR of sysexits.h): no check is to blame.
LOST = 74


class Journal:
    """Appends events to a file; each line is on its way to the disk before the next step starts.

    Events: ``collected`` (the checks about to run), ``started`` and ``finished`` (one check each),
    ``not-collected`` (a module that could not be imported), ``weights``, ``ended`` (the session).
    """

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)
        self._process = os.getpid()

    def _write(self, event: str, **fields: Any) -> None:
        self.require_original()
        line: Dict[str, Any] = {"event": event, "at": round(time.time(), 3)}
        line.update(fields)
        try:
            # Opened each time: a check may close the files of its process, or give their numbers to others.
            with open(self._path, "a", encoding="utf-8") as stream:
                stream.write(json.dumps(line, sort_keys=True) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            _give_up(error)

    def require_original(self) -> None:
        """End a copy that a check forked: it would go on with the checks of the original."""
        if os.getpid() != self._process:
            os._exit(0)

    def collected(self, checks: List[CheckResult]) -> None:
        self._write("collected", checks=[asdict(check) for check in checks])

    def not_collected(self, module: str, reason: str, details: str) -> None:
        self._write("not-collected", module=module, reason=reason, details=details)

    def started(self, check: str) -> None:
        self._write("started", check=check)

    def finished(self, result: CheckResult) -> None:
        self._write("finished", result=asdict(result))

    def weights(self, variant: str, description: str) -> None:
        self._write("weights", variant=variant, description=description)

    def ended(self, exit_status: int) -> None:
        self._write("ended", exit_status=exit_status)


def _give_up(error: OSError) -> None:
    """End at once: pytest would take it for an error in the check that has just finished."""
    try:
        os.write(2, "\nsamcheck: {}\n".format(error.strerror or error).encode())
    finally:
        os._exit(LOST)
