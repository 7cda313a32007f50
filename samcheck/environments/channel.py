"""The only output channel of a guest: a FIFO to which the guest appends lines that the host reads.

The host creates it and holds the reading end; in a container, the guest can neither read nor remove it. The
host receives each line at once, so nothing that the guest does later, not even a crash, can take it back.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

NAME = "events"
#: Limits for one start of a guest, far above the longest run so far (7 MiB).
LINE_LIMIT, TOTAL_LIMIT, LINES_LIMIT = 16 * 2**20, 256 * 2**20, 2**18
#: Time to read what is still in the pipe when the guest has ended.
DRAIN_SECONDS = 2.0
_BLOCK = 2**16


class Channel:
    """A context manager around a guest; calls `take` in a thread, once for each line.

    Attributes:
        flooded: whether the guest exceeded `TOTAL_LIMIT` or `LINES_LIMIT`; the rest is ignored.
    """

    def __init__(self, given: Path, take: Callable[[bytes], None]) -> None:
        self.path = given / NAME
        self.flooded = False
        self._take = take
        self._error: Exception | None = None
        self._rest, self._skipping, self._total, self._lines = bytearray(), False, 0, 0

    def __enter__(self) -> Channel:
        os.mkfifo(self.path)
        # Opened read-write, so that it never reaches end of file and opening does not block.
        self._fifo = os.open(self.path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW)
        self.path.chmod(0o222)  # the guest may be another user, and must not read it
        self._stop = os.eventfd(0)
        self._thread = threading.Thread(target=self._follow, name="channel", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.eventfd_write(self._stop, 1)
        self._thread.join()
        os.close(self._fifo)
        os.close(self._stop)
        with suppress(OSError):  # gone or replaced; it is removed with the folder, if possible
            self.path.unlink()

    def check(self) -> None:
        """Raise any error of `take`; call this regularly, and when the guest has ended.

        Raises:
            Exception: what `take` raised; nothing was read after that.
        """
        if self._error is not None:
            raise self._error

    def _follow(self) -> None:
        end = float("inf")
        while time.monotonic() < end:
            waited = [self._fifo] if end < float("inf") else [self._fifo, self._stop]
            ready, _, _ = select.select(waited, [], [], 0 if end < float("inf") else None)
            if self._stop in ready:
                end = time.monotonic() + DRAIN_SECONDS
            if self._fifo in ready and not self._read():
                return
            if not ready:
                return

    def _read(self) -> bool:
        """Read what is available; return whether to continue."""
        try:
            block = os.read(self._fifo, _BLOCK)
        except BlockingIOError:
            return True
        self._total += len(block)
        self._lines += block.count(b"\n")
        self.flooded = self._total > TOTAL_LIMIT or self._lines > LINES_LIMIT
        try:
            self._take_lines(block)
        except Exception as error:  # must not be lost with this thread
            self._error = error
        return self._error is None and not self.flooded

    def _take_lines(self, block: bytes) -> None:
        first, *others = block.split(b"\n")
        self._append(first)
        for part in others:
            if not self._skipping:
                self._take(bytes(self._rest))
            self._rest.clear()
            self._skipping = False
            self._append(part)

    def _append(self, part: bytes) -> None:
        if len(self._rest) + len(part) > LINE_LIMIT:
            self._skipping = True
        if self._skipping:
            self._rest.clear()
        else:
            self._rest += part
