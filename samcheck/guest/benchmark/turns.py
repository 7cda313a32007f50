"""Rounds of a benchmark alternating with another process, so that one of the two is always waiting.

Whatever a shared machine does to one process, it does to the other a moment later. The host's side is
`samcheck.analysis.interleave`; the two exchange lines through a pair of FIFOs.
"""

from __future__ import annotations

import os
from statistics import median
from typing import Any, Callable, List, Sequence, Tuple

import pytest

from ..record import TURN_FIFOS
from .disturbance import DisturbanceMonitor

#: Maximum number of turns of one benchmark in one process, and the minimum if a round takes long.
MOST, FEWEST = 12, 3
#: A turn with fewer rounds than this has no time for an extra round that only warms the caches.
WORTH_A_WARM_UP = 4
#: Position before the first benchmark: importing and loading also happen while the other process waits.
START = (-1, 0)


DESERTED = "the turn server has exited: samcheck has ended"


class Deserted(RuntimeError):
    """The turn server has exited: the host has ended."""


class Turns:
    """This process's end of the FIFOs in `folder`."""

    def __init__(self, folder: str) -> None:
        # Each open() blocks until the other end is opened.
        said, heard = (os.path.join(folder, name) for name in TURN_FIFOS)
        self._said = open(said, "wb", buffering=0)  # noqa: SIM115
        self._heard = open(heard, "rb")  # noqa: SIM115

    def close(self) -> None:
        self._said.close()
        self._heard.close()

    def wait(self, check: int, turn: int) -> None:
        """Report this process's position, and wait while it is ahead of the other process.

        Raises:
            Deserted: the host has exited.
        """
        try:
            self._said.write("{} {}\n".format(check, turn).encode("ascii"))
        except BrokenPipeError:
            raise Deserted(DESERTED) from None
        if not self._heard.readline():
            raise Deserted(DESERTED)


#: In pytest's stash: the process that alternates with this one, and whether the heap keeps freed memory.
PARTNER = pytest.StashKey["Turns"]()
HEAP_KEPT = pytest.StashKey[bool]()


def divided(pilot: Sequence[float], seconds: float) -> Tuple[int, int]:
    """Return the number of turns and of rounds in each, to take `seconds` in all unless a round is too long.

    Args:
        pilot: durations of some rounds, in seconds.
    """
    typical = median(pilot)
    turns = max(FEWEST, min(MOST, int(seconds / typical)))
    return turns, max(1, int(seconds / turns / typical))


class Paced:
    """Pacer for the rounds of a benchmark, the `check`-th of this process: waits at the start of each turn.

    Attributes:
        turns, per_turn: number of turns, and of rounds in each.
    """

    def __init__(self, partner: Turns, check: int, monitor: DisturbanceMonitor) -> None:
        self._partner, self._check, self._monitor = partner, check, monitor
        self.turns = self.per_turn = self._round = 0

    def plan(self, pilot: Sequence[float], seconds: float) -> int:
        """Return how many rounds to take; `pilot` has the durations of some, in seconds."""
        self.turns, self.per_turn = divided(pilot, seconds)
        return self.turns * self.per_turn

    def before(self, step: Callable[[], Any]) -> None:
        """Wait if a turn begins; call this before each round."""
        turn, begun = divmod(self._round, self.per_turn)
        self._round += 1
        if begun:
            return
        self._monitor.away()
        self._partner.wait(self._check, turn)
        self._monitor.back()
        if self.per_turn >= WORTH_A_WARM_UP:
            step()  # the caches hold the other process's data

    def medians(self, wall_ms: Sequence[float]) -> List[float]:
        """Of each turn."""
        starts = range(0, len(wall_ms), self.per_turn)
        return [median(wall_ms[start : start + self.per_turn]) for start in starts]
