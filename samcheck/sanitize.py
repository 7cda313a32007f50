"""Untrusted text → text that is safe in a report: nothing in it is interpreted, nothing is hidden."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

#: A megabyte message is stored whole in the result file; a report shows its beginning.
LONGEST = 4_000

_NOT_PLAIN = re.compile(r"[^\x20-\x7e]")


def spelled_out(text: str, kept: str = "") -> str:
    r"""Escape control, direction and invisible characters as in ``\x1b[31m``, except those in `kept`."""

    def spelled(match: re.Match[str]) -> str:
        sign = match[0]
        return sign if sign.isprintable() or sign in kept else sign.encode("unicode_escape").decode()

    return text if text.isprintable() else _NOT_PLAIN.sub(spelled, text)


def harmless(text: str) -> str:
    """Escape everything that a terminal may interpret, in any encoding, except line breaks and tabs."""
    return spelled_out(text, kept="\n\t")


def printable(text: str, most: int = 300) -> str:
    """Return at most `most` characters of untrusted text, on one line, for a message."""
    return spelled_out(text[:most]) + ("…" if len(text) > most else "")


def visible(text: str, longest: int = LONGEST) -> str:
    """Return a text as one line for a report, with one space between words."""
    if len(text) <= longest and text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()  # nearly every text
    return _shown(" ".join(text[: longest + 1].split()), len(text), longest)


def visible_lines(text: str, longest: int = LONGEST) -> str:
    """Return a text as `visible` does, but keep line breaks, as in a traceback."""
    lines = (line.rstrip() for line in text[: longest + 1].splitlines())
    return _shown("\n".join(lines), len(text), longest)


def _shown(text: str, length: int, longest: int) -> str:
    shown = spelled_out(text[:longest], kept="\n")
    return f"{shown} … ({length} characters in all)" if length > longest else shown


def redacted(value: Any, hidden: Mapping[str, str]) -> Any:
    """Replace hidden texts in a text, or in all texts of lists and dicts."""
    if isinstance(value, str):
        for text, instead in hidden.items():
            value = value.replace(text, instead)
        return value
    if isinstance(value, dict):
        return {key: redacted(part, hidden) for key, part in value.items()}
    return [redacted(part, hidden) for part in value] if isinstance(value, list) else value
