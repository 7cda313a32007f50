"""What a run is waiting for while nothing ends: which check, how long, how far its reference is (pure)."""

from __future__ import annotations

from samcheck.run.records import Journal

#: Seconds after which a check that still runs is shown again, with what it is doing.
AGAIN_SECONDS = 30.0


def current(journal: Journal, seconds: float) -> str:
    """Return the running check with what is known of its progress, `seconds` after the guest's start."""
    if journal.running is None:
        return ""
    check, since = journal.running
    if journal.computing is not None:
        return f"{check}: {_reference(journal, *journal.computing)}"
    waited = seconds - since
    return check if waited < AGAIN_SECONDS else f"{check} for {waited:.0f} s"


def _reference(journal: Journal, done: int, total: int, seconds: float) -> str:
    """Say how far a reference is. Its layers do not all take the same time, so the rest is an estimate."""
    assert journal.running is not None
    check = journal.collected.get(journal.running[0])
    variant = f" of {check.variant}" if check is not None and check.variant else ""
    left = seconds / done * (total - done)
    last = f"; the last one took {journal.references[-1]:.0f} s" if journal.references else ""
    return (
        f"computing the float64 reference{variant} on the CPU, {done} of {total} layers in {seconds:.0f} s, "
        f"about {left:.0f} s left{last}"
    )
