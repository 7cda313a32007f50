"""Files: read without hanging whatever lies there, replaced as a whole, folders worked in alone.

Whoever can put a file where samcheck looks for one can also put something else there: a FIFO, a device, a
folder, a link in a circle, a terabyte of nothing, JSON a million brackets deep. `read`, `parsed_json` and
`parsed_toml` turn each of these into one sentence, and everything that samcheck reads goes through them.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import stat
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from samcheck.errors import BadInput
from samcheck.sanitize import spelled_out

#: Bytes that a file may have unless whoever reads it says otherwise: notes, lists, texts that people write.
LARGEST = 16 * 2**20
#: Bytes that a name in a folder may have, on every file system that Linux has.
LONGEST_NAME = 255
#: Ends the names of drafts, and no name that anybody else gives.
DRAFT = ".samcheck-draft"
#: What may lie in the place of a file.
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
#: A key in TOML with very many parts: ``a.b.c...``.
_CHAIN = re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){64}""")


class Missing(BadInput):
    """There is no such file."""


def read(path: Path, most: int = LARGEST) -> bytes:
    """What is in a regular file, or in one that a link leads to; at most `most` bytes.

    Raises:
        Missing: there is nothing at `path`.
        BadInput: it cannot be read, is not a regular file, or is larger.
    """
    try:
        return _read(path, most)
    except FileNotFoundError as error:
        raise Missing(f"{named(path)}: cannot be read: {error.strerror}") from None
    except OSError as error:
        raise BadInput(f"{named(path)}: cannot be read: {error.strerror}") from None


def tail(path: Path, most: int) -> bytes:
    """The last `most` bytes of a file; what is not there, or not a file, has none."""
    try:
        with _regular(path) as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - most))
            return stream.read(most) or b""
    except (OSError, BadInput):
        return b""


@contextmanager
def _regular(path: Path) -> Iterator[IO[bytes]]:
    """A regular file, open for reading, or `BadInput` or `OSError`."""
    _require_regular(path, os.stat(path))  # before it is opened: merely opening a device can have effects
    # What lies there may have been exchanged since; opening a FIFO would wait for somebody who writes.
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY), "rb") as stream:
        _require_regular(path, os.fstat(stream.fileno()))
        yield stream


def _read(path: Path, most: int) -> bytes:
    with _regular(path) as stream:
        status = os.fstat(stream.fileno())
        # Never more than one byte too many: it may grow, and what the kernel makes up says that it has none.
        # Of that some has nothing to say just now.
        content = b"" if status.st_size > most else stream.read(most + 1) or b""
    if status.st_size > most or len(content) > most:
        raise BadInput(f"{named(path)}: cannot be read: it has more than {most} bytes")
    return content


def _require_regular(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise BadInput(f"{named(path)}: cannot be read: it is {_kind(status)}, not a file")


def _kind(status: os.stat_result) -> str:
    return next((name for fits, name in _KINDS if fits(status.st_mode)), "something else")


def read_text(path: Path, most: int = LARGEST) -> str:
    """As `read`, of a file in UTF-8.

    Raises:
        BadInput: also where it is in no UTF-8.
    """
    try:
        return read(path, most).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{named(path)}: cannot be read: it is not UTF-8: {error.reason}") from None


def parsed_json(content: bytes | str) -> Any:
    """What JSON means.

    Raises:
        ValueError: it is none, or Python cannot hold it: an integer of too many digits, too deep a nesting.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(_plainly(error)) from None


def parsed_toml(content: bytes) -> dict[str, Any]:
    """What TOML means.

    Raises:
        ValueError: it is none, or Python cannot hold it: an integer of too many digits, too deep a nesting.
    """
    text = content.decode("utf-8")
    if _CHAIN.search(text):  # tomllib takes the square of their number
        raise ValueError("a key of it has more than 64 parts")
    try:
        return tomllib.loads(text)
    except (ValueError, OverflowError, RecursionError) as error:
        raise ValueError(_plainly(error)) from None


def _plainly(error: Exception) -> str:
    """What is wrong with a text, for who wrote it."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return (
        "a number in it has thousands of digits" if "integer string conversion" in str(error) else str(error)
    )


def named(path: Path | str) -> str:
    """A name of the file system, or a sentence with one, as text that prints, which it need not be."""
    return spelled_out(str(path))


def require_name(name: str, what: str) -> str:
    """`name`, which can be that of one file or folder in its folder.

    Args:
        name: what somebody else has given.
        what: it is, for the message.

    Raises:
        BadInput: it is empty, leads elsewhere, has characters that do not print, or is too long.
    """
    if not name or name in (".", "..") or "/" in name or not name.isprintable():
        raise BadInput(
            f"{what} {name[:80]!r} cannot be part of a file's name: it may hold no / and no .. alone"
        )
    if len(os.fsencode(name)) > LONGEST_NAME:
        raise BadInput(f"{what} {name[:80]!r}… is too long for a file's name: at most {LONGEST_NAME} bytes")
    return name


def home() -> Path | None:
    """The user's home; None for one who has none, such as a user without a line in /etc/passwd."""
    folder = Path(os.path.expanduser("~"))
    return folder if folder.is_absolute() else None


def clear_way(path: Path) -> None:
    """See to it that a file can be written at `path`, of samcheck's own folder, and nothing else with it.

    A link that somebody put there would take what is written elsewhere, a FIFO hold it up for ever.

    Raises:
        OSError: a folder lies there.
    """
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(os.lstat(path).st_mode):
            path.unlink()


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` as a whole: a reader, a full disk, or kill -9 never leaves half a file.

    Drafts of processes that were killed while writing into the same folder are removed.

    Raises:
        OSError: with `path`, which is as it was.
        BadInput: what lies there is a device, a FIFO or a socket.
    """
    with replacing(path) as stream:
        stream.write(content)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A stream whose content replaces `path` as a whole, as `write_atomically` does, once all is written."""
    _require_replaceable(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path.parent)
        with _draft(path) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            os.chmod(stream.name, 0o644)
            os.replace(stream.name, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _require_replaceable(path: Path) -> None:
    """No device, such as /dev/null, is to be a file from now on, nor what somebody reads from.

    Raises:
        BadInput: it is one.
    """
    with suppress(OSError):
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            raise BadInput(f"{named(path)}: cannot be replaced by a file: it is {_kind(status)}")


@contextmanager
def _draft(path: Path) -> Iterator[IO[bytes]]:
    """A new file beside `path`, locked as long as this process lives; removed unless it was renamed."""
    stream = _locked_draft(path)
    try:
        with stream:
            yield stream
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(stream.name)
        raise


def _locked_draft(path: Path) -> IO[bytes]:
    while True:
        stream = tempfile.NamedTemporaryFile(  # noqa: SIM115  closed by whoever asked
            prefix=f".{path.name[:40]}.", suffix=DRAFT, dir=path.parent, delete=False
        )
        with suppress(OSError):  # a file system without locks: then nothing is swept there either
            fcntl.flock(stream, fcntl.LOCK_EX)
        if os.fstat(stream.fileno()).st_nlink:
            return stream
        stream.close()  # swept before it was locked


def _sweep(folder: Path) -> None:
    """Remove drafts that nobody has locked: whoever wrote them was killed."""
    for path in folder.glob(f".*{DRAFT}"):
        # A FIFO of such a name would wait for somebody who writes.
        with (
            suppress(OSError),
            open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as draft,
        ):
            if stat.S_ISREG(os.fstat(draft.fileno()).st_mode):
                fcntl.flock(draft, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


class InUse(BadInput):
    """Another process works in the same folder."""


@contextmanager
def locked(folder: Path, wait: bool = True) -> Iterator[None]:
    """Alone in `folder` among those who ask; nothing is left there, and kill -9 ends it.

    Raises:
        InUse: somebody else is, and `wait` is false.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise InUse(
                f"the run {folder.name} still goes on in another process: wait for it, or end it"
            ) from None
        yield
    finally:
        os.close(handle)
