"""Files: reading that never hangs, atomic replacement, exclusive locks on folders.

Anyone who can put a file where samcheck looks for one can also put something else there: a FIFO, a device, a
folder, a circular link, a sparse terabyte, JSON a million brackets deep. `read`, `parsed_json` and
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

#: Default maximum bytes of a file: notes, lists, hand-written texts.
LARGEST = 16 * 2**20
#: Maximum bytes of a file name, on every Linux file system.
LONGEST_NAME = 255
#: Suffix of drafts, which nobody else uses.
DRAFT = ".samcheck-draft"
#: What may be in the place of a file.
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
    """Return the content of a regular file, or of one that a link points to; at most `most` bytes.

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
    """Return the last `most` bytes of a file; nothing if it is missing or not a file."""
    try:
        with _regular(path) as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - most))
            return stream.read(most) or b""
    except (OSError, BadInput):
        return b""


@contextmanager
def _regular(path: Path) -> Iterator[IO[bytes]]:
    """Open a regular file for reading, or raise `BadInput` or `OSError`."""
    _require_regular(path, os.stat(path))  # before it is opened: merely opening a device can have effects
    # The file may have been replaced since; opening a FIFO would block until somebody writes.
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY), "rb") as stream:
        _require_regular(path, os.fstat(stream.fileno()))
        yield stream


def _read(path: Path, most: int) -> bytes:
    with _regular(path) as stream:
        status = os.fstat(stream.fileno())
        # Reading `most` bytes at once would reserve that much memory for each small file.
        content = b"" if status.st_size > most else stream.read(status.st_size + 1) or b""
        if len(content) > status.st_size:
            # At most one byte too many: the file grows, or is one of the kernel's, which report size 0. Some
            # of these have no data at the moment.
            content += stream.read(most + 1 - len(content)) or b""
    if status.st_size > most or len(content) > most:
        raise BadInput(f"{named(path)}: cannot be read: it has more than {most} bytes")
    return content


def _require_regular(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise BadInput(f"{named(path)}: cannot be read: it is {_kind(status)}, not a file")


def _kind(status: os.stat_result) -> str:
    return next((name for fits, name in _KINDS if fits(status.st_mode)), "something else")


def read_text(path: Path, most: int = LARGEST) -> str:
    """Read a UTF-8 file as `read` does.

    Raises:
        BadInput: also if it is not UTF-8.
    """
    try:
        return read(path, most).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{named(path)}: cannot be read: it is not UTF-8: {error.reason}") from None


def parsed_json(content: bytes | str) -> Any:
    """Parse JSON.

    Raises:
        ValueError: it is invalid, or Python cannot represent it: an integer with too many digits, too deep
            nesting.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(_plainly(error)) from None


def parsed_toml(content: bytes) -> dict[str, Any]:
    """Parse TOML.

    Raises:
        ValueError: it is invalid, or Python cannot represent it: an integer with too many digits, too deep
            nesting.
    """
    text = content.decode("utf-8")
    if _CHAIN.search(text):  # tomllib takes quadratic time
        raise ValueError("a key in it has more than 64 parts")
    try:
        return tomllib.loads(text)
    except (ValueError, OverflowError, RecursionError) as error:
        raise ValueError(_plainly(error)) from None


def _plainly(error: Exception) -> str:
    """Return what is wrong with a text, in terms of its author."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return (
        "a number in it has thousands of digits" if "integer string conversion" in str(error) else str(error)
    )


def named(path: Path | str) -> str:
    """Return a file name, or a sentence with one, as printable text."""
    return spelled_out(str(path))


def require_name(name: str, what: str) -> str:
    """Return `name` if it can be the name of a file or folder.

    Args:
        name: untrusted.
        what: what it names, for the message.

    Raises:
        BadInput: it is empty, leads elsewhere, has unprintable characters, or is too long.
    """
    if not name or name in (".", "..") or "/" in name or not name.isprintable():
        raise BadInput(
            f"{what} {name[:80]!r} cannot be part of a file name: it must not contain / or be .. alone"
        )
    if len(os.fsencode(name)) > LONGEST_NAME:
        raise BadInput(f"{what} {name[:80]!r}… is too long for a file name: at most {LONGEST_NAME} bytes")
    return name


def home() -> Path | None:
    """Return the user's home; None if there is none, e.g. for a user without a line in /etc/passwd."""
    folder = Path(os.path.expanduser("~"))
    return folder if folder.is_absolute() else None


def clear_way(path: Path) -> None:
    """Make sure that writing to `path`, in samcheck's own folder, writes a file there and nothing else.

    A link put there would redirect the output, and a FIFO would block it for ever.

    Raises:
        OSError: a folder is there.
    """
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(os.lstat(path).st_mode):
            path.unlink()


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` as a whole: readers, a full disk or kill -9 never see or leave half a file.

    Drafts of processes that were killed while writing into the same folder are removed.

    Raises:
        OSError: with `path`, which is unchanged.
        BadInput: a device, a FIFO or a socket is there.
    """
    with replacing(path) as stream:
        stream.write(content)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Yield a stream whose content replaces `path` atomically once everything is written."""
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
    """Refuse to replace a device, such as /dev/null, a FIFO or a socket by a file.

    Raises:
        BadInput: it is one.
    """
    with suppress(OSError):
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            raise BadInput(f"{named(path)}: cannot be replaced by a file: it is {_kind(status)}")


@contextmanager
def _draft(path: Path) -> Iterator[IO[bytes]]:
    """Yield a new file next to `path`, locked while this process lives; removed unless it was renamed."""
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
        stream = tempfile.NamedTemporaryFile(  # noqa: SIM115  closed by the caller
            prefix=f".{path.name[:40]}.", suffix=DRAFT, dir=path.parent, delete=False
        )
        with suppress(OSError):  # a file system without locks, where nothing is swept either
            fcntl.flock(stream, fcntl.LOCK_EX)
        if os.fstat(stream.fileno()).st_nlink:
            return stream
        stream.close()  # swept before it was locked


def _sweep(folder: Path) -> None:
    """Remove drafts that nobody has locked: their writers were killed."""
    for path in folder.glob(f".*{DRAFT}"):
        # A FIFO of such a name would block until somebody writes.
        with (
            suppress(OSError),
            open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as draft,
        ):
            if stat.S_ISREG(os.fstat(draft.fileno()).st_mode):
                fcntl.flock(draft, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


class InUse(BadInput):
    """Another process is using the same folder."""


@contextmanager
def locked(folder: Path, wait: bool = True) -> Iterator[None]:
    """Hold an exclusive lock on `folder`; it leaves no file there, and kill -9 releases it.

    Raises:
        InUse: somebody else holds it, and `wait` is false.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise InUse(
                f"the run {folder.name} is still active in another process: wait for it or end it"
            ) from None
        yield
    finally:
        os.close(handle)
