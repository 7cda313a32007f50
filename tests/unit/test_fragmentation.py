"""What is free inside of the CUDA allocator's segments, as `torch.cuda.memory_snapshot` tells it."""

from __future__ import annotations

from typing import Any

from samcheck.guest.memory.fragmentation import pieces

KIB, MIB = 2**10, 2**20


def segment(kind: str, *blocks: tuple[str, int]) -> dict[str, Any]:
    return {"segment_type": kind, "blocks": [{"state": state, "size": size} for state, size in blocks]}


def test_what_is_free_is_asked_for_piece_by_piece() -> None:
    segments = [
        segment("large", ("active_allocated", 4 * MIB), ("inactive", 16 * MIB)),
        segment("small", ("inactive", 512), ("active_allocated", 512), ("inactive", 2 * MIB - 1024)),
    ]
    assert pieces(segments) == [16 * MIB, MIB, MIB - 1024, 512]


def test_what_waits_to_be_freed_is_not_free() -> None:
    assert pieces([segment("large", ("active_pending_free", 4 * MIB))]) == []


def test_no_request_is_served_from_the_other_kind_of_segment() -> None:
    """A request of 1 MiB or less would take a new segment for small ones, and lower the limit by itself."""
    assert pieces([segment("large", ("inactive", MIB)), segment("small", ("inactive", 2 * MIB))]) == [
        MIB,
        MIB,
    ]
