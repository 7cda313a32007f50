"""Lines of an answer with their depth, for a terminal and for Markdown (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class OutlineLine(NamedTuple):
    """A line; `is_command` if it can be run as is."""

    text: str
    depth: int = 0
    is_command: bool = False


def indented(lines: Iterable[OutlineLine]) -> Iterator[OutlineLine]:
    """Return the lines one level deeper."""
    return (line._replace(depth=line.depth + 1) for line in lines)
