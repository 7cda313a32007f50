"""Other programs' words → a cause and what to do about it (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """A pattern in somebody's words, and the sentence for it; ``{name}`` stands for what a group matched."""

    sign: str
    sentence: str


def explain(causes: Iterable[Cause], words: str) -> str:
    """The sentence of the first cause whose sign is in the words; empty for words that are not known."""
    for cause in causes:
        match = re.search(cause.sign, words, re.IGNORECASE)
        if match:
            return cause.sentence.format(**match.groupdict())
    return ""
