"""A ledger of the memory that code holds: what it takes and gives back, and the peak."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Dict, Iterator, List


class Ledger:
    """Bytes held by name, the peak so far, and the part of the code where it occurred.

    Attributes:
        peak: the highest sum, in bytes.
        at: the innermost part of the code at that time.
    """

    def __init__(self) -> None:
        self.peak = 0
        self.at = ""
        self._sum = 0
        self._parts: List[str] = []
        self._held: List[Dict[str, int]] = [{}]

    def take(self, name: str, size: int) -> None:
        """Hold `size` more bytes; then give back what had the same name in this part.

        This models an assignment: the new tensor is created while the variable still holds the old one.
        """
        held = self._held[-1]
        self._sum += size
        self._note()
        self._sum -= held.pop(name, 0)
        held[name] = size

    def pass_by(self, size: int) -> None:
        """Hold `size` bytes only briefly."""
        self._sum += size
        self._note()
        self._sum -= size

    def give_back(self, *names: str) -> None:
        """Stop holding these."""
        for name in names:
            self._sum -= self._held[-1].pop(name)

    @contextmanager
    def part(self, where: str) -> Iterator[None]:
        """Enter a function; at its end, after its result is taken outside, give back what it took."""
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
