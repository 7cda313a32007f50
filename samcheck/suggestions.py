"""What somebody may have meant by a name that does not exist."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

#: The likeness, 1 being the same, from which on names are similar: at less, 24 would be similar to T4.
CUTOFF = 0.6
#: Characters of a name that are compared: the time grows with their square.
LONGEST = 100


def similar(text: str, known: Iterable[str], most: int = 1, cutoff: float = CUTOFF) -> list[str]:
    """The names in `known` that are most like `text`, the best first; for a `cutoff` of 0 always `most`."""
    return get_close_matches(text[:LONGEST], list(known), n=most, cutoff=cutoff)


def did_you_mean(text: str, known: Iterable[str], most: int = 1, lead: str = "") -> str:
    """``did you mean 2.4.1?`` behind `lead`; empty where nothing is like `text`.

    A name that goes on where `text` ends, as 2.4.1 does after 2.4, comes before those that are spelled alike.
    """
    names = list(known)
    near = [name for name in names if name.startswith(f"{text}.")][:most] or similar(text, names, most)
    return f"{lead}did you mean {' or '.join(near)}?" if near else ""
