"""What becomes slower between two results (pure)."""

from __future__ import annotations

from samcheck.guest.record import CellResult


def slower(base: CellResult, new: CellResult) -> tuple[str, ...]:
    """What became slower, in sentences; whether a difference is more than noise is not judged here."""
    return ("not judged: no comparison of raw samples yet",)
