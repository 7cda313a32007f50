"""samcheck's standard output and standard error.

The terminal interprets nothing that comes from a guest, an engine or a file: control characters in text are
escaped when it is written. And a run outlives its output: if a stream is a closed pipe, on a full disk or
missing, the run continues, and `trouble` reports at the end what was lost.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import re
import select
import sys
import time
from typing import TYPE_CHECKING, TextIO, cast

from samcheck.errors import Unheard
from samcheck.sanitize import harmless

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

#: Bytes to write at once: a ready pipe accepts this much without blocking.
BLOCK = select.PIPE_BUF
POLL_SECONDS = 0.2
#: How long a stalled reader may delay samcheck once it was asked to end.
PATIENCE_SECONDS = 2.0

#: Encodings in which no visible character has a byte that some terminals interpret, such as 0x9b in cp1252.
_PLAIN = re.compile(r"utf-?8|(us-)?ascii|(iso-?8859|latin)-?\d+", re.IGNORECASE)


class _StreamState:
    """State shared by both streams."""

    def __init__(self) -> None:
        self.outlived = False
        self.hurried = (
            False  # not an Event: a signal handler may interrupt itself and deadlock on its own lock
        )
        self.remembered: list[str] = []
        self.streams: list[Stream] = []


_state = _StreamState()


class Stream(io.TextIOBase):
    """Standard output or error, unbuffered, so that nothing is left to fail when Python ends.

    Attributes:
        lost: the first write error; None if there was none.
    """

    #: What click and others may assume: characters that the terminal's encoding lacks are escaped.
    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, number: int, name: str, encoding: str, there: bool = True) -> None:
        self.number = number
        self.title = name
        self.real_encoding = encoding if _PLAIN.fullmatch(encoding) else "ascii"
        self.lost: OSError | None = None
        self._there = there

    @property
    def buffer(self) -> _Bytes:
        """Binary stream for data that is not text, such as Parquet."""
        return _Bytes(self)

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.put(harmless(text).encode(self.real_encoding, self.errors))
        return len(text)

    def isatty(self) -> bool:
        return self._there and os.isatty(self.number)

    def fileno(self) -> int:
        return self.number

    def put(self, block: ReadableBuffer) -> None:
        """Write all of `block` unchanged.

        Raises:
            Unheard: it cannot be written, this is standard output, and no run must continue without it.
        """
        # As in other programs: a user who closes standard error does not want errors reported.
        if not self.heard(block) and self.number == 1 and not _state.outlived:
            assert self.lost is not None
            raise Unheard(self.complaint(), self.lost.errno == errno.EPIPE)

    def heard(self, block: ReadableBuffer) -> bool:
        """Write all of `block` unchanged; return whether that succeeded."""
        try:
            if not self._there:
                raise OSError(errno.EBADF, "it is closed")
            _write(self.number, memoryview(block).cast("B"))
        except OSError as error:
            self.lost = self.lost or error
            return False
        return True

    def complaint(self) -> str:
        """Return which stream is lost, and why."""
        assert self.lost is not None
        return f"{self.title} cannot be written to: {self.lost.strerror}"

    def past(self) -> Past:
        """Return the same stream for rich, which uses control characters on purpose."""
        return Past(self)


def _write(number: int, rest: memoryview) -> None:
    waited = 0.0
    while rest:
        if select.select([], [number], [], POLL_SECONDS)[1]:
            try:
                rest = rest[os.write(number, rest[:BLOCK]) :]
                waited = 0.0
            except BlockingIOError:  # another process made it non-blocking
                time.sleep(0.01)
        elif _state.hurried:
            waited += POLL_SECONDS
            if waited >= PATIENCE_SECONDS:
                raise OSError(errno.EAGAIN, "its reader has stalled")


class _Bytes(io.RawIOBase):
    """The binary side of a `Stream`; for a terminal, bytes are still decoded and escaped like any text."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._text = codecs.getincrementaldecoder("utf-8")("replace") if stream.isatty() else None

    def writable(self) -> bool:
        return True

    def write(self, block: ReadableBuffer) -> int:
        if self._text is None:
            self._stream.put(block)
        else:
            self._stream.write(self._text.decode(block))
        return memoryview(block).nbytes

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.number

    def close(self) -> None:
        """Leave the stream open."""


class Past:
    """Writes text to a `Stream` unchanged; its user has escaped untrusted parts."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.encoding = stream.real_encoding  # rich draws with the characters that this has

    def write(self, text: str) -> int:
        self._stream.put(text.encode(self.encoding, self._stream.errors))
        return len(text)

    def flush(self) -> None:
        """Do nothing: the stream is unbuffered."""

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.number


def take_over() -> None:
    """Replace both with a `Stream`; must be the first thing that the program does."""
    missing = _reserve()
    for number, name, attribute in ((1, "standard output", "stdout"), (2, "standard error", "stderr")):
        encoding = getattr(getattr(sys, attribute), "encoding", None) or "utf-8"
        stream = Stream(number, name, encoding, there=number not in missing)
        _state.streams.append(stream)
        setattr(sys, attribute, cast(TextIO, stream))


def _reserve() -> set[int]:
    """Open the closed ones of the first three descriptors on /dev/null; return their numbers.

    Otherwise the next opened file, perhaps a result, would get such a number, and the output of a library or
    child process would end up in it.
    """
    missing = set()
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            missing.add(number)
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
    return missing


def outlive() -> None:
    """From now on, do not stop on lost output: results are stored and the run can be resumed."""
    _state.outlived = True


def outlived() -> bool:
    """Return whether a run has started that continues without its output."""
    return _state.outlived


def hurry() -> None:
    """Stop waiting for stalled readers, since the program must end."""
    _state.hurried = True


def remember(text: str) -> None:
    """Remember a text that must be reported although standard output is lost: see `remembered`."""
    _state.remembered.append(text)


def remembered() -> tuple[str, ...]:
    """Return what to print at the end on a working stream if the other is lost."""
    return tuple(_state.remembered)


def trouble() -> list[str]:
    """Return a sentence for each stream that lost output."""
    return [stream.complaint() for stream in _state.streams if stream.lost is not None]


def say_error(text: str) -> None:
    """Print an error on standard error, or on standard output if that is lost; never raise."""
    say_raw(f"samcheck: {text}\n")


def say_raw(text: str) -> None:
    """Print as `say_error` does, without the program's name."""
    for stream in reversed(_state.streams):
        if stream.heard(harmless(text).encode(stream.real_encoding, stream.errors)):
            return
