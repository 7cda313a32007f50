"""How far the computation of a slow reference is, for whoever waits for it.

A reference in float64 takes minutes for a large model. Nothing is reported of one that takes seconds.
"""

from __future__ import annotations

import time
from typing import Callable, Iterator, List, Sequence, TypeVar

Step = TypeVar("Step")
#: Gets the number of finished steps, that of all, and the seconds since the first began.
Listener = Callable[[int, int, float], None]

#: Seconds that steps must take before anything is reported, and that pass between two reports.
QUIET_SECONDS, BETWEEN_SECONDS = 1.0, 2.0
_listeners: List[Listener] = []


def listen(listener: Listener) -> None:
    """Call `listener` from now on, instead of an earlier one."""
    _listeners[:] = [listener]


def counted(steps: Sequence[Step]) -> Iterator[Step]:
    """Yield the steps of a computation, and report how many of them have been done."""
    begin = last = time.monotonic()
    reported = False
    for number, step in enumerate(steps):
        now = time.monotonic()
        if number and now - begin > QUIET_SECONDS and now - last > BETWEEN_SECONDS:
            _report(number, len(steps), now - begin)
            reported, last = True, now
        yield step
    if reported:
        _report(len(steps), len(steps), time.monotonic() - begin)


def _report(done: int, total: int, seconds: float) -> None:
    for listener in _listeners:
        listener(done, total, round(seconds, 3))
