"""Reasons below a table, each with a mark that stays the same when others come or go."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

from samcheck.report.escaping import escape
from samcheck.report.fields import SEVERITY

#: Characters of a mark, after the first letter of its reason; more where two marks would be alike.
LENGTH = 4
#: What is told of one defect beside its description.
EVIDENCE = 3


class Footnotes:
    """Marks reasons; those of one outcome and defect, ``known [some-defect]: …``, share a note.

    A mark is made of the note alone: a new reason changes no other line of the table.
    """

    def __init__(self) -> None:
        self._marks: dict[str, str] = {}
        self._taken: set[str] = set()
        self._reasons: dict[str, dict[str, None]] = {}
        self._said: dict[tuple[str, ...], str] = {}

    def mark(self, reasons: Iterable[str]) -> str:
        """What is put behind a word; the rows of thousands of results have the same reasons."""
        key = tuple(reasons)
        if key not in self._said:
            marks = {self._mark(reason) for reason in key}
            self._said[key] = f" <sup>{', '.join(sorted(marks))}</sup>" if marks else ""
        return self._said[key]

    def lines(self) -> list[str]:
        """The notes: bad ones first, then by their text."""
        return [
            f"- {self._marks[note]} {escape(_joined(list(self._reasons[note])))}"
            for note in sorted(self._marks, key=_order)
        ]

    def _mark(self, reason: str) -> str:
        head = reason.partition(": ")[0]
        note = head if head.endswith("]") else reason
        self._reasons.setdefault(note, {})[reason] = None
        if note not in self._marks:
            self._marks[note] = self._free(note)
            self._taken.add(self._marks[note])
        return self._marks[note]

    def _free(self, note: str) -> str:
        digest = base64.b32encode(hashlib.sha256(note.encode()).digest()).decode().lower()
        letter = note[:1].lower() if note[:1].isascii() and note[:1].isalpha() else "n"
        marks = (f"{letter}{digest[:length]}" for length in range(LENGTH, len(digest)))
        return next(mark for mark in marks if mark not in self._taken)


def _order(note: str) -> tuple[int, str]:
    word = note.partition(":")[0].partition(" ")[0]
    # Outcomes of cells, such as build-failed, before those of checks.
    return (SEVERITY.index(word) if word in SEVERITY else -1, note)


def _joined(reasons: list[str]) -> str:
    """One sentence of reasons that have the beginning in common, with what they do not."""
    reasons = sorted(reasons)
    starts = {_split(reason)[0] for reason in reasons}
    if len(reasons) == 1 or len(starts) > 1:
        rest = f"; and {len(reasons) - EVIDENCE} more" if len(reasons) > EVIDENCE else ""
        head = reasons[0].partition(": ")[0]
        shown = [reason.removeprefix(f"{head}: ") for reason in reasons[1:EVIDENCE]]
        return "; ".join([reasons[0], *shown]) + rest
    told = [_split(reason)[1] for reason in reasons]
    more = f"; and {len(told) - EVIDENCE} more" if len(told) > EVIDENCE else ""
    return f"{starts.pop()} ({'; '.join(told[:EVIDENCE])}{more})"


def _split(reason: str) -> tuple[str, str]:
    """What a defect is, and what was seen of it, which stands in parentheses at the end; or all, and nothing.

    Either may have parentheses of its own.
    """
    depth = 0
    for at in range(len(reason) - 1, 0, -1):
        depth += {")": 1, "(": -1}.get(reason[at], 0)
        if depth == 0 and reason.endswith(")"):
            return reason[: at - 1], reason[at + 1 : -1]
    return reason, ""
