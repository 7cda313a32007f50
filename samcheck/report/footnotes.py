"""Reasons below a table, each with a mark that stays the same when others come or go."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

from samcheck.guest.outcomes import CheckOutcome
from samcheck.report.escaping import escape
from samcheck.report.fields import SEVERITY, Reason

#: Characters of a mark, after the first letter of its reason; more where two marks would be alike.
LENGTH = 4
#: Maximum number of pieces of evidence shown for one defect.
EVIDENCE = 3


class Footnotes:
    """Marks reasons; those of one outcome and defect, ``known [some-defect]: …``, share a note.

    A mark is made of the note alone: a new reason changes no other line of the table.
    """

    def __init__(self) -> None:
        self._marks: dict[str, str] = {}
        self._taken: set[str] = set()
        self._reasons: dict[str, dict[Reason, None]] = {}
        self._superscripts: dict[tuple[Reason, ...], str] = {}

    def mark(self, reasons: Iterable[Reason]) -> str:
        """What is put behind a word; the rows of thousands of results have the same reasons."""
        key = tuple(reasons)
        if key not in self._superscripts:
            marks = {self._mark(reason) for reason in key}
            self._superscripts[key] = f" <sup>{', '.join(sorted(marks))}</sup>" if marks else ""
        return self._superscripts[key]

    def lines(self) -> list[str]:
        """The notes: bad ones first, then by their text."""
        ordered = sorted(self._reasons.items(), key=lambda item: (_severity(next(iter(item[1]))), item[0]))
        return [f"- {self._marks[note]} {escape(_note_text(sorted(reasons)))}" for note, reasons in ordered]

    def _mark(self, reason: Reason) -> str:
        note = reason.head if reason.defect else str(reason)
        self._reasons.setdefault(note, {})[reason] = None
        if note not in self._marks:
            self._marks[note] = self._unused_mark(note)
            self._taken.add(self._marks[note])
        return self._marks[note]

    def _unused_mark(self, note: str) -> str:
        digest = base64.b32encode(hashlib.sha256(note.encode()).digest()).decode().lower()
        letter = note[:1].lower() if note[:1].isascii() and note[:1].isalpha() else "n"
        marks = (f"{letter}{digest[:length]}" for length in range(LENGTH, len(digest)))
        return next(mark for mark in marks if mark not in self._taken)


def _severity(reason: Reason) -> int:
    """Outcomes of cells, such as build-failed, before those of checks."""
    return SEVERITY.index(CheckOutcome(reason.outcome)) if reason.outcome in SEVERITY else -1


def _note_text(reasons: list[Reason]) -> str:
    """One sentence of the reasons that share a note, with what they do not have in common."""
    head, texts = reasons[0].head, list(dict.fromkeys(reason.text for reason in reasons))
    if len(texts) > 1:  # the catalogue says it in other words today
        return f"{head}: {_some([reason.explanation for reason in reasons])}"
    evidence = [reason.evidence for reason in reasons if reason.evidence]
    return f"{head}: {texts[0]} ({_some(evidence)})" if evidence else f"{head}: {texts[0]}"


def _some(texts: list[str]) -> str:
    more = [f"and {len(texts) - EVIDENCE} more"] if len(texts) > EVIDENCE else []
    return "; ".join([*texts[:EVIDENCE], *more])
