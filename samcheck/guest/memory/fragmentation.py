"""Free memory inside the segments that PyTorch's CUDA allocator holds (pure functions).

A limit on a process counts whole segments, of which the allocator gives out parts. Free parts are given out
however low the limit is, so a step of a few MiB would not fail.
"""

from __future__ import annotations

from typing import Any, Iterable, List

#: Requests up to this size are served from segments for small blocks, larger ones from other segments
#: (`kSmallSize` in c10/cuda/CUDACachingAllocator.cpp).
SMALL_BYTES = 2**20


def pieces(segments: Iterable[Any]) -> List[int]:
    """Return sizes in bytes, largest first, of requests that use up all free memory in `segments`.

    `segments` are as `torch.cuda.memory_snapshot` describes them.
    """
    sizes: List[int] = []
    for segment in segments:
        small = segment["segment_type"] == "small"
        for block in segment["blocks"]:
            if block["state"] == "inactive":
                sizes += _requests(block["size"], small)
    return sorted(sizes, reverse=True)


def _requests(size: int, small: bool) -> List[int]:
    """Requests that fill one free block; none for a rest of a large segment that is too small for any."""
    if not small:
        return [size] if size > SMALL_BYTES else []
    whole, rest = divmod(size, SMALL_BYTES)
    return [SMALL_BYTES] * whole + ([rest] if rest else [])
