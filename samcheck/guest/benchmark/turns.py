"""Rounds of a benchmark taken in turns with another process, one of the two always waiting.

What a shared machine does to the one it does, a moment later, to the other as well. The host's side is
`samcheck.analysis.interleave`; the two talk through a pair of FIFOs, a line each time.
"""

from __future__ import annotations

import os
from statistics import median
from typing import Any, Callable, List, Sequence, Tuple

import pytest

from ..record import TURN_FIFOS
from .disturbance import DisturbanceMonitor

#: Of one benchmark in one process, and the fewest where a round takes long.
MOST, FEWEST = 12, 3
#: A turn of fewer rounds than this has no time for one that only brings the caches back.
WORTH_A_WARM_UP = 4
#: Before the first benchmark: importing and loading, too, are done while the other process waits.
START = (-1, 0)


DESERTED = "nobody gives turns any more: samcheck has ended"


class Deserted(RuntimeError):
    """Nobody gives turns any more: the host has ended."""


class Turns:
    """This process's end of the FIFOs in `folder`."""

    def __init__(self, folder: str) -> None:
        # Each waits until the other end is opened, too.
        said, heard = (os.path.join(folder, name) for name in TURN_FIFOS)
        self._said = open(said, "wb", buffering=0)  # noqa: SIM115
        self._heard = open(heard, "rb")  # noqa: SIM115

    def close(self) -> None:
        self._said.close()
        self._heard.close()

    def wait(self, check: int, turn: int) -> None:
        """Say where this process has got to, and let the other one on until that is not ahead of it.

        Raises:
            Deserted: there is nobody to wait for.
        """
        try:
            self._said.write("{} {}\n".format(check, turn).encode("ascii"))
        except BrokenPipeError:
            raise Deserted(DESERTED) from None
        if not self._heard.readline():
            raise Deserted(DESERTED)


#: In pytest's configuration: who takes turns with this process, and whether its heap keeps what is freed.
PARTNER = pytest.StashKey["Turns"]()
HEAP_KEPT = pytest.StashKey[bool]()


def divided(pilot: Sequence[float], seconds: float) -> Tuple[int, int]:
    """Number of turns, and rounds in each: together as long as `seconds`, if a round does not take too long.

    Args:
        pilot: seconds of some rounds.
    """
    typical = median(pilot)
    turns = max(FEWEST, min(MOST, int(seconds / typical)))
    return turns, max(1, int(seconds / turns / typical))


class Paced:
    """Called before each round of a benchmark, the `check`-th of this process: waits where a turn begins.

    Attributes:
        turns, per_turn: how many, and rounds in each.
    """

    def __init__(self, partner: Turns, check: int, monitor: DisturbanceMonitor) -> None:
        self._partner, self._check, self._monitor = partner, check, monitor
        self.turns = self.per_turn = self._round = 0

    def plan(self, pilot: Sequence[float], seconds: float) -> int:
        """How many rounds to take; `pilot`: seconds of some."""
        self.turns, self.per_turn = divided(pilot, seconds)
        return self.turns * self.per_turn

    def before(self, step: Callable[[], Any]) -> None:
        """To be called before each round."""
        turn, begun = divmod(self._round, self.per_turn)
        self._round += 1
        if begun:
            return
        self._monitor.away()
        self._partner.wait(self._check, turn)
        self._monitor.back()
        if self.per_turn >= WORTH_A_WARM_UP:
            step()  # the caches are the other's

    def medians(self, wall_ms: Sequence[float]) -> List[float]:
        """Of each turn."""
        starts = range(0, len(wall_ms), self.per_turn)
        return [median(wall_ms[start : start + self.per_turn]) for start in starts]
