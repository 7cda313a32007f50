"""Markdown from text that may hold anything."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from samcheck.guest.record import CellResult
from samcheck.sanitize import visible

#: What every id of a cell looks like that was not written by somebody else.
_ID = re.compile(r"[\w.+-]+", re.ASCII)
#: An underscore within a word is none, and names of checks are full of them.
_EMPHASIS = re.compile(r"(?<![A-Za-z0-9])_+|_+(?![A-Za-z0-9])")
_MARKUP = str.maketrans({**{sign: f"\\{sign}" for sign in "\\`*{}[]~#"}, "|": "&#124;"})


@lru_cache(maxsize=4096)
def escape(text: str) -> str:
    """Foreign text as text: no markup, no table cells, no control or direction characters."""
    quoted = html.escape(visible(text), quote=False).translate(_MARKUP)
    return _EMPHASIS.sub(lambda match: match[0].replace("_", "\\_"), quoted)


def grid(heads: Sequence[str], body: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    lines = [heads, ["---"] * len(heads), *body]
    return [f"| {' | '.join(line)} |" for line in lines]


def row_name(row: CellResult) -> str:
    """The cell's id, and what a run was restricted to."""
    only = f" (only {escape(row.only)})" if row.only else ""
    return f"{code(row.cell.id)}{only}"


def code(text: str) -> str:
    """An id as code, or, if it is none, as text."""
    return f"`{text}`" if _ID.fullmatch(text) else escape(text)
