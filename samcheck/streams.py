"""Standard output and standard error as samcheck writes to them.

Nothing that comes from a guest, an engine or a file is obeyed by the terminal: whatever is written as text
has its control characters spelled out on the way. And a run outlives its output: where a stream is a closed
pipe, a full disk or not there at all, the run goes on, and `trouble` says at the end what was lost.
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

#: Written at once: a pipe that is ready takes this much without making us wait.
BLOCK = select.PIPE_BUF
POLL_SECONDS = 0.2
#: How long a reader that does not read may hold up samcheck once it has been told to end.
PATIENCE_SECONDS = 2.0

#: Encodings in which no character that can be seen has a byte that some terminal obeys, as 0x9b in cp1252.
_PLAIN = re.compile(r"utf-?8|(us-)?ascii|(iso-?8859|latin)-?\d+", re.IGNORECASE)


class _StreamState:
    """What both streams share."""

    def __init__(self) -> None:
        self.outlived = False
        self.hurried = (
            False  # no Event: a signal's handler may interrupt itself, and would wait for its own lock
        )
        self.remembered: list[str] = []
        self.streams: list[Stream] = []


_state = _StreamState()


class Stream(io.TextIOBase):
    """Standard output or error, unbuffered, so that nothing is left to fail when Python ends.

    Attributes:
        lost: the first error of a write; None while everything got through.
    """

    #: What click and others may assume: whatever the terminal's encoding lacks is spelled out.
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
        """For what is no text, such as Parquet."""
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
        """Write all of `block` as it is.

        Raises:
            Unheard: it cannot be written, this is standard output, and no run is to go on without it.
        """
        # As with other programs: whoever closes standard error does not want to hear of it.
        if not self.heard(block) and self.number == 1 and not _state.outlived:
            assert self.lost is not None
            raise Unheard(self.complaint(), self.lost.errno == errno.EPIPE)

    def heard(self, block: ReadableBuffer) -> bool:
        """Write all of `block` as it is; whether that was possible."""
        try:
            if not self._there:
                raise OSError(errno.EBADF, "it is closed")
            _write(self.number, memoryview(block).cast("B"))
        except OSError as error:
            self.lost = self.lost or error
            return False
        return True

    def complaint(self) -> str:
        """Which stream is lost, and why."""
        assert self.lost is not None
        return f"{self.title} cannot be written to: {self.lost.strerror}"

    def past(self) -> Past:
        """The same stream for rich, which colours text and moves the cursor on purpose."""
        return Past(self)


def _write(number: int, rest: memoryview) -> None:
    waited = 0.0
    while rest:
        if select.select([], [number], [], POLL_SECONDS)[1]:
            try:
                rest = rest[os.write(number, rest[:BLOCK]) :]
                waited = 0.0
            except BlockingIOError:  # somebody else made it non-blocking
                time.sleep(0.01)
        elif _state.hurried:
            waited += POLL_SECONDS
            if waited >= PATIENCE_SECONDS:
                raise OSError(errno.EAGAIN, "nobody reads it")


class _Bytes(io.RawIOBase):
    """The bytes below a `Stream`; a terminal gets them as text all the same, cleaned like any other."""

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
        """The stream is not closed with it."""


class Past:
    """Writes text to a `Stream` as it is; who uses it has cleaned what is foreign in it."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.encoding = stream.real_encoding  # rich draws with what this has

    def write(self, text: str) -> int:
        self._stream.put(text.encode(self.encoding, self._stream.errors))
        return len(text)

    def flush(self) -> None:
        """Nothing is kept back."""

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.number


def take_over() -> None:
    """Put a `Stream` in the place of both; the first thing that the program does."""
    missing = _reserve()
    for number, name, attribute in ((1, "standard output", "stdout"), (2, "standard error", "stderr")):
        encoding = getattr(getattr(sys, attribute), "encoding", None) or "utf-8"
        stream = Stream(number, name, encoding, there=number not in missing)
        _state.streams.append(stream)
        setattr(sys, attribute, cast(TextIO, stream))


def _reserve() -> set[int]:
    """Open what is closed of the first three descriptors on nothing; gives their numbers.

    Or the next file that is opened, a result perhaps, would get the number, and what some library or child
    prints would land in it.
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
    """From now on nothing ends because it cannot be said: what is found is stored, and can be resumed."""
    _state.outlived = True


def outlived() -> bool:
    """Whether a run has begun that goes on without its output."""
    return _state.outlived


def hurry() -> None:
    """The program is to end: do not wait for a reader who does not read."""
    _state.hurried = True


def remember(text: str) -> None:
    """Something that must be heard, though standard output cannot say it: see `remembered`."""
    _state.remembered.append(text)


def remembered() -> tuple[str, ...]:
    """What is to be said at the end on a stream that works, where one does not."""
    return tuple(_state.remembered)


def trouble() -> list[str]:
    """A sentence for each stream that has lost something."""
    return [stream.complaint() for stream in _state.streams if stream.lost is not None]


def say_error(text: str) -> None:
    """On standard error, or where that is lost on standard output; never raises."""
    say_raw(f"samcheck: {text}\n")


def say_raw(text: str) -> None:
    """As `say_error`, without the program's name."""
    for stream in reversed(_state.streams):
        if stream.heard(harmless(text).encode(stream.real_encoding, stream.errors)):
            return
