"""Lines of an answer with their depth, which a terminal and Markdown show each in its way (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class OutlineLine(NamedTuple):
    """A line; `is_command` where it can be typed as it stands."""

    text: str
    depth: int = 0
    is_command: bool = False


def indented(lines: Iterable[OutlineLine]) -> Iterator[OutlineLine]:
    """The lines one level deeper."""
    return (line._replace(depth=line.depth + 1) for line in lines)
