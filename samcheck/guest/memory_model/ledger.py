"""A ledger of the memory that code holds: what it takes and gives back, and the peak."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Dict, Iterator, List, NamedTuple


class Event(NamedTuple):
    """A tensor's storage that is taken, or given back if `size` is negative.

    Attributes:
        key: of the storage; the same when it is given back.
        size: in bytes.
    """

    key: int
    size: int


class Ledger:
    """Bytes held by name, the peak so far, and the part of the code where it occurred.

    Attributes:
        events: everything taken and given back, in order.
        peak: the highest sum, in bytes.
        at: the innermost part of the code at that time.
    """

    def __init__(self) -> None:
        self.events: List[Event] = []
        self.peak = 0
        self.at = ""
        self._sum = 0
        self._parts: List[str] = []
        self._held: List[Dict[str, Event]] = [{}]

    def take(self, name: str, size: int) -> None:
        """Hold more bytes; then give back what had the same name in this part.

        This models an assignment: the new tensor is created while the variable still holds the old one.
        """
        held = self._held[-1]
        old = held.pop(name, None)
        held[name] = self._take(size)
        if old is not None:
            self._give_back(old)

    def pass_by(self, size: int) -> None:
        """Hold `size` bytes only briefly."""
        self._give_back(self._take(size))

    def give_back(self, *names: str) -> None:
        """Stop holding these."""
        for name in names:
            self._give_back(self._held[-1].pop(name))

    @contextmanager
    def part(self, where: str) -> Iterator[None]:
        """Enter a function; at its end, after its result is taken outside, give back what it took."""
        self._parts.append(where)
        self._held.append({})
        try:
            yield
        finally:
            for taken in self._held.pop().values():
                self._give_back(taken)
            self._parts.pop()

    def _take(self, size: int) -> Event:
        taken = Event(len(self.events), size)
        self.events.append(taken)
        self._sum += size
        if self._sum > self.peak:
            self.peak = self._sum
            self.at = self._parts[-1] if self._parts else ""
        return taken

    def _give_back(self, taken: Event) -> None:
        self.events.append(Event(taken.key, -taken.size))
        self._sum -= taken.size
