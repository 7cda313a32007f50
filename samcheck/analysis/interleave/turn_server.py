"""The turn server: lets two guests compute in turns, over FIFOs (`samcheck.guest.benchmark.turns`)."""

from __future__ import annotations

import os
import random
import select
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from samcheck.guest.record import TURN_FIFOS

POLL_SECONDS = 0.2
GO = b"go\n"
#: Maximum bytes of a guest's message: two numbers.
LONGEST_LINE = 64

#: A guest's progress: the number of its check, and of its turn within that.
Position = tuple[int, int]


@dataclass
class TurnTaker:
    """One guest.

    Attributes:
        given: the guest's input folder, which contains the FIFOs.
        position: where it waits; None while it computes or has not started.
        gone: whether it has ended.
    """

    given: Path
    position: Position | None = None
    gone: bool = False
    said: int = -1
    heard: int = -1
    rest: bytes = field(default=b"", repr=False)

    def open(self, stack: ExitStack) -> None:
        """Create both FIFOs and open them read-write, so that neither end blocks on or loses the guest's."""
        handles = []
        for name, mode in zip(TURN_FIFOS, (0o222, 0o444), strict=True):  # from the guest, and to it
            path = self.given / name
            path.unlink(missing_ok=True)
            os.mkfifo(path)
            stack.callback(path.unlink, missing_ok=True)
            handles.append(os.open(path, os.O_RDWR | os.O_NONBLOCK))
            stack.callback(os.close, handles[-1])
            path.chmod(mode)  # the guest may be another user, and gets minimal rights
        self.said, self.heard = handles

    def listen(self) -> None:
        """Read the guest's messages: the last complete line counts."""
        *lines, rest = (self.rest + os.read(self.said, 4096)).split(b"\n")
        self.rest = rest[-LONGEST_LINE:]
        for line in lines:
            with suppress(ValueError):  # a check may have written anything there
                check, turn = map(int, line.split())
                self.position = check, turn

    def go(self) -> None:
        """Let it continue."""
        self.position = None
        with suppress(BlockingIOError):  # a guest that does not read has enough queued
            os.write(self.heard, GO)


class TurnServer:
    """Lets one guest run at a time: the one behind, or a random one if they are level.

    Use as a context manager, before the guests start; call `left` when one has ended.
    """

    def __init__(self, given: Sequence[Path], seed: int) -> None:
        self._takers = [TurnTaker(folder) for folder in given]
        self._lot = random.Random(seed)  # noqa: S311  for fairness only
        self._over = threading.Event()
        self._stack = ExitStack()
        self._thread = threading.Thread(target=self._go_on, name="turn server", daemon=True)

    def __enter__(self) -> TurnServer:
        with ExitStack() as stack:
            for taker in self._takers:
                taker.open(stack)
            self._stack = stack.pop_all()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._stack.close()

    def left(self, number: int) -> None:
        """Note that the guest with this number has ended: the other need not wait for it."""
        self._takers[number].gone = True

    def _go_on(self) -> None:
        while not self._over.is_set():
            present = [taker for taker in self._takers if not taker.gone]
            ready, _, _ = select.select([taker.said for taker in present], [], [], POLL_SECONDS)
            for taker in present:
                if taker.said in ready:
                    taker.listen()
            chosen = self.next()
            if chosen is not None:
                chosen.go()

    def next(self) -> TurnTaker | None:
        """Return whose turn it is; None while one computes."""
        present = [taker for taker in self._takers if not taker.gone]
        waiting = [taker for taker in present if taker.position is not None]
        if not waiting or len(waiting) < len(present):
            return None
        behind = min(taker.position for taker in waiting if taker.position is not None)
        return self._lot.choice([taker for taker in waiting if taker.position == behind])
