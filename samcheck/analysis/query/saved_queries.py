"""Saved queries, asked by name: the files in `questions`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from samcheck.errors import BadInput
from samcheck.suggestions import similar

FOLDER = Path(__file__).with_name("questions")


@dataclass(frozen=True)
class SavedQuery:
    """SQL, and what it asks in words."""

    title: str
    sql: str


@cache
def load() -> Mapping[str, SavedQuery]:
    """Return all saved queries, by name."""
    queries = {}
    for path in sorted(FOLDER.glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        queries[path.stem] = SavedQuery(text.partition("\n")[0].removeprefix("-- "), text)
    return queries


def sql_of(text: str) -> str:
    """Return the SQL of a saved query, or SQL as is.

    Raises:
        BadInput: it is one word, but not the name of a saved query.
    """
    name = text.strip()
    if name in load():
        return load()[name].sql
    if re.fullmatch(r"[\w-]+", name):
        near = similar(name, load(), most=2) or load()
        raise BadInput(f"{name!r} is neither a saved question ({', '.join(near)}, …) nor SQL: see --list")
    return text
