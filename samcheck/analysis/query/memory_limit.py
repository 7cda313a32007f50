"""Memory limit for a whole query.

DuckDB's own limit covers only its blocks, not strings built by functions nor Python's copy of the answer:
`repeat` alone took six gigabytes under a limit of two. So the kernel enforces the limit as well. DuckDB and
Python both report failed allocations, and neither crashes.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

from samcheck.errors import BadInput

#: Bytes besides the answer: thread stacks, late imports, what Python needs to report a failure.
BESIDE = 128 * 2**20
_KIB = 2**10


def exceeded(memory: str) -> BadInput:
    """Return the error for a query that needs more than `memory`."""
    return BadInput(f"the query needs more than {memory} of memory: narrow it, or raise --memory")


@contextmanager
def limited(most: int, asked: str) -> Iterator[None]:
    """Limit this process to `most` bytes more than it has now, plus `BESIDE`.

    Args:
        most: bytes.
        asked: the limit as the user wrote it, for the message.

    Raises:
        BadInput: the limit was exceeded.
    """
    before = soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limits = [_taken() + most + BESIDE, *(limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_DATA, (min(limits), hard))
    try:
        yield
    except MemoryError:
        raise exceeded(asked) from None
    except RuntimeError as error:
        if "start new thread" not in str(error):  # i.e. no memory for its stack
            raise
        raise exceeded(asked) from None
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def _taken() -> int:
    """Return this process's bytes that count towards the limit."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as stream:
        line = next(line for line in stream if line.startswith("VmData:"))
    return int(line.split()[1]) * _KIB
