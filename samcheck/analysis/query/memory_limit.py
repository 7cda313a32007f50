"""How much memory a question may take, whoever takes it.

DuckDB's own limit is about the blocks that it keeps. Texts that a function makes of others, and what Python
makes of an answer, are not among them: `repeat` alone took six gigabytes under a limit of two. So the kernel
is told as well. DuckDB and Python both say when they get no more, and neither dies of it.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

from samcheck.errors import BadInput

#: Bytes beside the answer: stacks of threads, what is imported late, what Python needs to say that it failed.
BESIDE = 128 * 2**20
_KIB = 2**10


def exceeded(memory: str) -> BadInput:
    """What is said of an answer that takes more than `memory`."""
    return BadInput(f"the answer takes more than {memory} of memory: ask for less, or give more by --memory")


@contextmanager
def limited(most: int, asked: str) -> Iterator[None]:
    """This process takes at most so many bytes more than it has now, and `BESIDE`.

    Args:
        most: bytes.
        asked: how they were asked for, for the message.

    Raises:
        BadInput: it wanted more.
    """
    before = soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limits = [_taken() + most + BESIDE, *(limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_DATA, (min(limits), hard))
    try:
        yield
    except MemoryError:
        raise exceeded(asked) from None
    except RuntimeError as error:
        if "start new thread" not in str(error):  # for the stack of one there is no memory
            raise
        raise exceeded(asked) from None
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def _taken() -> int:
    """Bytes of this process that the kernel counts for this limit."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as stream:
        line = next(line for line in stream if line.startswith("VmData:"))
    return int(line.split()[1]) * _KIB
