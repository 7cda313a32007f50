"""A heap that keeps what is freed: no page faults where the same blocks are taken again."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: Takes and fills some blocks and frees them, again and again; at first a heap of either kind has to grow.
TAKES = """
import sys
from samcheck.guest.benchmark import heap

kept, count, mib = sys.argv[1:]
if kept == "kept":
    assert heap.keep_freed_memory()

def take(times):
    for _ in range(times):
        [b"x" * (int(mib) << 20) for _ in range(int(count))]

take(3)
before = heap.page_faults()
take(5)
print((heap.page_faults() - before) / 5)
"""

#: More than glibc keeps by itself: a block that gets a mapping of its own, and several that are its heap's.
SOME = [(1, 100), (3, 20)]


def faults(heap: str, count: int, mib: int) -> float:
    """How many there are each time the blocks are taken."""
    command = [sys.executable, "-c", TAKES, heap, str(count), str(mib)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize(("count", "mib"), [*SOME, (3, 800)])
def test_kept_memory_is_not_fetched_again(count: int, mib: int) -> None:
    """Also over 2 GiB, the most that an `int` could give as a limit."""
    assert faults("kept", count, mib) < 5


@pytest.mark.parametrize(("count", "mib"), SOME)
def test_memory_is_fetched_again_otherwise(count: int, mib: int) -> None:
    """Also where the system gives huge pages by itself, 2 MiB with each fault."""
    assert faults("as it is", count, mib) > 20
