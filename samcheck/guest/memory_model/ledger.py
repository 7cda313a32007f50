"""A ledger of the memory that a piece of code holds: what is taken and given back, and the highest sum."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Dict, Iterator, List


class Ledger:
    """Bytes held by name, the highest sum so far, and in which part of the code that was.

    Attributes:
        peak: the highest sum, in bytes.
        at: the innermost part that was being gone through then.
    """

    def __init__(self) -> None:
        self.peak = 0
        self.at = ""
        self._sum = 0
        self._parts: List[str] = []
        self._held: List[Dict[str, int]] = [{}]

    def take(self, name: str, size: int) -> None:
        """Hold `size` bytes more; what had the same name in this part is given back behind that.

        That is what an assignment does: the new tensor is made while the variable still has the old one.
        """
        held = self._held[-1]
        self._sum += size
        self._note()
        self._sum -= held.pop(name, 0)
        held[name] = size

    def pass_by(self, size: int) -> None:
        """Hold `size` bytes for a moment only."""
        self._sum += size
        self._note()
        self._sum -= size

    def give_back(self, *names: str) -> None:
        """Hold these no longer."""
        for name in names:
            self._sum -= self._held[-1].pop(name)

    @contextmanager
    def part(self, where: str) -> Iterator[None]:
        """A function: what is taken in it is given back at its end, behind its result was taken outside."""
        self._parts.append(where)
        self._held.append({})
        try:
            yield
        finally:
            self._sum -= sum(self._held.pop().values())
            self._parts.pop()

    def _note(self) -> None:
        if self._sum > self.peak:
            self.peak = self._sum
            self.at = self._parts[-1] if self._parts else ""
