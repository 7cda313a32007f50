"""Error output of other programs → the cause, and what to do about it (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from samcheck.guest.outcomes import FailureCause


@dataclass(frozen=True)
class ErrorPattern:
    """A pattern in a program's output, its cause and message; ``{name}`` is what a group matched."""

    pattern: str
    cause: FailureCause
    sentence: str


@dataclass(frozen=True)
class Diagnosis:
    """Why a program failed, and what to do."""

    cause: FailureCause
    sentence: str


def explain(patterns: Iterable[ErrorPattern], output: str) -> Diagnosis | None:
    """Return the diagnosis of the first pattern that matches the output, else None."""
    for known in patterns:
        match = re.search(known.pattern, output, re.IGNORECASE)
        if match:
            return Diagnosis(known.cause, known.sentence.format(**match.groupdict()))
    return None
