"""How much a limit must allow for a step to succeed, counted as the limit counts.

A limit on a GPU counts the segments that PyTorch's allocator holds, and a tensor between 1 and 10 MiB takes
one of 20 MiB (`samcheck.guest.memory_model.allocator`). A share of the bytes that tensors take may therefore
be too little for a batch of half the size, and of the segments taken without a limit it may be enough for the
whole batch, since the allocator returns unused ones before it fails. Only trying tells.
"""

from __future__ import annotations

from typing import Any, Callable, Optional

from .failures import attempt
from .process_memory import LIMITS, MIB, need, recover

#: Every segment's size is a multiple of it: `kSmallBuffer` and `kRoundLarge` in
#: c10/cuda/CUDACachingAllocator.cpp of PyTorch 2.4.
SEGMENT = 2 * MIB


def least(step: Callable[[], Any], device: str, needed: Optional[int] = None) -> int:
    """Return the fewest bytes with which `step` succeeds.

    Args:
        needed: bytes that tensors take in `step`; by default they are measured.
    """
    needed = need(step, device) if needed is None else needed
    if device != "cuda":
        return needed

    def fits(headroom: int) -> bool:
        with LIMITS[device](headroom):
            return attempt(step)[1] is None

    return _least(fits, needed, device)


def _least(fits: Callable[[int], bool], needed: int, device: str) -> int:
    """Search upwards from the bytes that tensors take, which no number of segments can undercut."""

    def tried(segments: int) -> bool:
        recover(device)
        return fits(segments * SEGMENT)

    start = low = high = -(-needed // SEGMENT)
    while not tried(high):
        low, high = high + 1, 2 * high - start + 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if tried(middle) else (middle + 1, high)
    recover(device)
    return low * SEGMENT
