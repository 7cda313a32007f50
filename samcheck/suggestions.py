"""Suggestions for misspelled names."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

#: Minimum similarity (1 is identical) of similar names: with less, 24 would be similar to T4.
CUTOFF = 0.6
#: Maximum number of characters to compare, since the time grows with their square.
LONGEST = 100


def similar(text: str, known: Iterable[str], most: int = 1, cutoff: float = CUTOFF) -> list[str]:
    """Return the names in `known` most similar to `text`, best first; for a `cutoff` of 0 always `most`."""
    return get_close_matches(text[:LONGEST], list(known), n=most, cutoff=cutoff)


def did_you_mean(text: str, known: Iterable[str], most: int = 1, lead: str = "") -> str:
    """Return ``did you mean 2.4.1?`` after `lead`; empty if nothing is similar to `text`.

    Names that continue `text`, as 2.4.1 continues 2.4, are preferred to similar ones.
    """
    names = list(known)
    near = [name for name in names if name.startswith(f"{text}.")][:most] or similar(text, names, most)
    return f"{lead}did you mean {' or '.join(near)}?" if near else ""
