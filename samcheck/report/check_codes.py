"""The outcome of each check in a byte: ten thousand results with all of their checks fit in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import count

from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CheckResult

_OUTCOMES = tuple(CheckOutcome)
_CODES = {outcome: code for code, outcome in enumerate(_OUTCOMES, start=1)}
#: Of a check, in every result that has it.
_POSITIONS: defaultdict[str, int] = defaultdict(count().__next__)


def encode(checks: Iterable[CheckResult]) -> bytes:
    """A byte for each check that any result had so far, at its position; 0 for those that this one lacks."""
    codes = {_POSITIONS[check.check]: _CODES[check.outcome] for check in checks}
    encoded = bytearray(max(codes, default=-1) + 1)
    for position, code in codes.items():
        encoded[position] = code
    return bytes(encoded)


def position(check: CheckResult) -> int:
    return _POSITIONS[check.check]


def outcome(encoded: bytes, position: int) -> CheckOutcome | None:
    """What became of the check at a position; None where the result does not have it."""
    code = encoded[position] if position < len(encoded) else 0
    return _OUTCOMES[code - 1] if code else None
