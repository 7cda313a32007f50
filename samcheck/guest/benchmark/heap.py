"""Control of the C library's heap: what happens to freed memory, and page faults.

glibc either returns freed memory to the system and fetches it again, with a page fault for every 4 KiB, or
keeps it. Which of the two depends on where blocks happen to lie: in one environment, one process has no page
faults, and the next has hundreds in each call. With PyTorch 2.15.0 on a CPU, `tiny`'s encoder had 280 to 496
in four processes and took 8.7 to 8.8 ms, and 7.8 to 8.3 ms without them (`tests/bench/kept_heap.py`). PyTorch
manages GPU memory itself.
"""

from __future__ import annotations

import ctypes
import resource

# https://sourceware.org/git/?p=glibc.git;a=blob;f=malloc/malloc.h
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_NEVER, _NO_MAPPINGS = -1, 0

_C_LIBRARY = ctypes.CDLL(None)


def keep_freed_memory() -> bool:
    """Make the heap keep freed memory, including large blocks, until this process ends.

    Returns whether the C library can do that; musl cannot.
    """
    # A block with its own mapping is returned to the system when it is freed.
    return _set(_TRIM_THRESHOLD, _NEVER) and _set(_MMAP_MAX, _NO_MAPPINGS)


def map_blocks(least: int) -> bool:
    """Give every block of at least `least` bytes its own mapping, which is returned when it is freed.

    Returns whether the C library can do that.
    """
    return _set(_MMAP_THRESHOLD, least)


def give_back() -> None:
    """Return free memory to the system, if the C library can."""
    if hasattr(_C_LIBRARY, "malloc_trim"):
        _C_LIBRARY.malloc_trim(0)


def _set(parameter: int, value: int) -> bool:
    return hasattr(_C_LIBRARY, "mallopt") and bool(_C_LIBRARY.mallopt(parameter, value))


def page_faults() -> int:
    """Count this process's page faults so far that needed no disk read (minor faults)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
