"""Answers that fit a screen, for those who did not ask for everything."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from itertools import islice

#: Of a terminal that most people can read without scrolling.
LINES, COLUMNS = 25, 100


def fitted(lines: Iterable[str], taken: int = 0) -> Iterator[str]:
    """As many lines as fit beside those that are `taken`; the last says how many are left out."""
    every, room = list(lines), max(LINES - taken, 2)
    if len(every) <= room:
        yield from every
        return
    yield from islice(every, room - 1)
    yield f"... and {len(every) - room + 1} more lines (--all)"


def cut(line: str) -> str:
    """The line, or its first `COLUMNS` columns without half an escape at the end."""
    return line if len(line) <= COLUMNS else line[: COLUMNS - 3].rstrip("\\ ") + "..."


def wrapped(text: str, indent: str = "") -> list[str]:
    """The whole text in lines of `COLUMNS` columns; a longer word has a line of its own."""
    wrapper = textwrap.TextWrapper(
        COLUMNS, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return wrapper.wrap(text)
