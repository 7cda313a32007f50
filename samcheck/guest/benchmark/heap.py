"""The C library's heap: what a process does with memory that it frees, and page faults.

glibc gives it back to the system and fetches it again, a page fault for every 4 KiB, or keeps it. Which of
the two hangs on where blocks happen to lie: one process of an environment has no page fault, and the next has
hundreds in each call. With PyTorch 2.15.0 on a CPU, `tiny`'s encoder had 280 to 496 in four processes and
took 8.7 to 8.8 ms, and 7.8 to 8.3 ms without them (`tests/bench/kept_heap.py`). Memory of a GPU is PyTorch's
own affair.
"""

from __future__ import annotations

import ctypes
import resource

# https://sourceware.org/git/?p=glibc.git;a=blob;f=malloc/malloc.h
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_NEVER, _NO_MAPPINGS = -1, 0

_C_LIBRARY = ctypes.CDLL(None)


def keep_freed_memory() -> bool:
    """Have the heap keep what is freed until this process ends, also large blocks.

    Returns whether the C library can do that; musl cannot.
    """
    # What has a mapping of its own goes back to the system when it is freed.
    return _set(_TRIM_THRESHOLD, _NEVER) and _set(_MMAP_MAX, _NO_MAPPINGS)


def map_blocks(least: int) -> bool:
    """Give every block of `least` bytes a mapping of its own, which goes back when it is freed.

    Returns whether the C library can do that.
    """
    return _set(_MMAP_THRESHOLD, least)


def give_back() -> None:
    """Give free memory back to the system, where the C library can."""
    if hasattr(_C_LIBRARY, "malloc_trim"):
        _C_LIBRARY.malloc_trim(0)


def _set(parameter: int, value: int) -> bool:
    return hasattr(_C_LIBRARY, "mallopt") and bool(_C_LIBRARY.mallopt(parameter, value))


def page_faults() -> int:
    """How many of this process so far were settled without reading a disk."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
