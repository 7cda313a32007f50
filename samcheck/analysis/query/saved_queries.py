"""Questions that are ready to be asked by a name: the files beside this one."""

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
    """SQL, and in words what it asks."""

    title: str
    sql: str


@cache
def load() -> Mapping[str, SavedQuery]:
    """All that are ready, by their names."""
    queries = {}
    for path in sorted(FOLDER.glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        queries[path.stem] = SavedQuery(text.partition("\n")[0].removeprefix("-- "), text)
    return queries


def sql_of(text: str) -> str:
    """The SQL of a question by its name, or SQL as it stands.

    Raises:
        BadInput: it is one word, and not the name of a question.
    """
    name = text.strip()
    if name in load():
        return load()[name].sql
    if re.fullmatch(r"[\w-]+", name):
        near = similar(name, load(), most=2) or load()
        raise BadInput(
            f"{name!r} is neither a question that is ready ({', '.join(near)}, …) nor SQL: see --list"
        )
    return text
