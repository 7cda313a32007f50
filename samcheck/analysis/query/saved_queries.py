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
def ready() -> Mapping[str, SavedQuery]:
    """All that are ready, by their names."""
    found = {}
    for path in sorted(FOLDER.glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        found[path.stem] = SavedQuery(text.partition("\n")[0].removeprefix("-- "), text)
    return found


def sql_of(text: str) -> str:
    """The SQL of a question by its name, or SQL as it stands.

    Raises:
        BadInput: it is one word, and not the name of a question.
    """
    name = text.strip()
    if name in ready():
        return ready()[name].sql
    if re.fullmatch(r"[\w-]+", name):
        near = similar(name, ready(), most=2) or ready()
        raise BadInput(
            f"{name!r} is neither a question that is ready ({', '.join(near)}, …) nor SQL: see --list"
        )
    return text
