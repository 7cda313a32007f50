"""What is free inside of the memory that PyTorch's CUDA allocator keeps (pure).

A limit on a process counts whole segments, of which the allocator gives out parts. What is free in them is
given out however low the limit is, so that a step of a few MiB would not fail at all.
"""

from __future__ import annotations

from typing import Any, Iterable, List

#: Up to this size requests are served from segments for small ones, and above it from others
#: (`kSmallSize` in c10/cuda/CUDACachingAllocator.cpp).
SMALL_BYTES = 2**20


def pieces(segments: Iterable[Any]) -> List[int]:
    """Sizes in bytes of requests that take up all that is free in `segments`, the largest first.

    `segments` as `torch.cuda.memory_snapshot` describes them.
    """
    sizes: List[int] = []
    for segment in segments:
        small = segment["segment_type"] == "small"
        for block in segment["blocks"]:
            if block["state"] == "inactive":
                sizes += _requests(block["size"], small)
    return sorted(sizes, reverse=True)


def _requests(size: int, small: bool) -> List[int]:
    """Those for one free block; none for the rest of a large segment that is too small for any."""
    if not small:
        return [size] if size > SMALL_BYTES else []
    whole, rest = divmod(size, SMALL_BYTES)
    return [SMALL_BYTES] * whole + ([rest] if rest else [])
