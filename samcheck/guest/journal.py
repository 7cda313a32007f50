"""The journal: one flushed JSON line per event, so that a segfault loses one check and no more."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from typing import Any, Dict, List

from .record import CheckResult


class Journal:
    """Appends events to a file; each line is on its way to the disk before the next step starts.

    Events: ``collected`` (the checks about to run), ``started`` and ``finished`` (one check each),
    ``not-collected`` (a module that could not be imported), ``weights``, ``ended`` (the session).
    """

    def __init__(self, path: str) -> None:
        self._stream = open(path, "a", encoding="utf-8")  # noqa: SIM115  closed by `ended`

    def _write(self, event: str, **fields: Any) -> None:
        line: Dict[str, Any] = {"event": event, "at": round(time.time(), 3)}
        line.update(fields)
        self._stream.write(json.dumps(line, sort_keys=True) + "\n")
        self._stream.flush()
        os.fsync(self._stream.fileno())

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
        self._stream.close()
