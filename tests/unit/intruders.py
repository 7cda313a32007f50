"""What may lie in the place of a file that samcheck reads, and a limit on how long reading it may take."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        before = Path.cwd()
        os.chdir(path.parent)  # an address has a hundred characters at most
        listening.bind(path.name)
        os.chdir(before)


def _sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 2**40)


def _link_to_a_fifo(path: Path) -> None:
    os.mkfifo(f"{path}.fifo")
    path.symlink_to(f"{path}.fifo")


def _file(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


#: By what lies there: how it is put there, and what is said of it.
INTRUDERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "fifo": (os.mkfifo, "it is a FIFO, not a file"),
    "link to a fifo": (_link_to_a_fifo, "it is a FIFO, not a file"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "it is a device, not a file"),
    "folder": (Path.mkdir, "it is a folder, not a file"),
    "circle": (lambda path: path.symlink_to(path.name), "Too many levels of symbolic links"),
    "nothing": (lambda path: path.symlink_to("nowhere"), "No such file or directory"),
    "socket": (_socket, "it is a socket, not a file"),
    "terabyte": (_sparse, "it has more than"),
    "no text": (_file(b"\xff\xfe\0"), ""),
    "nul": (_file(b"\0" * 10), ""),
    "deep": (_file(b"[" * 1_000_000), ""),
    "deep object": (_file(b'{"a":' * 100_000), ""),
    "digits": (_file(b'{"schema_version":' + b"1" * 5000 + b"}"), ""),
    "empty": (_file(b""), ""),
}


@contextmanager
def within(seconds: float = 20) -> Iterator[None]:
    """Ends what takes longer, so that a test of what used to hang fails instead."""

    def late(*_: object) -> None:
        raise AssertionError(f"it took more than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
