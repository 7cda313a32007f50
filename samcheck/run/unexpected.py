"""An exception that nobody foresaw → a sentence: what happened, where, and what to do.

It is the reason of the one cell that it came up in; the others are none the worse for it.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import samcheck
from samcheck.errors import SamcheckError
from samcheck.sanitize import visible

#: What may come up while one cell is in hand. Some library's SystemExit would end the whole run, even with 0.
ANY = (Exception, SystemExit)
#: In the folder of the cell, or of the run.
LOG = "error.log"
LONGEST = 300
#: Neither through a link nor into a FIFO, for whose reader this would wait.
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
_PACKAGE = Path(samcheck.__file__).parent


def describe(error: BaseException, folder: Path, doing: str) -> str:
    """The sentence; the traceback is appended to the `LOG` in `folder`.

    Args:
        error: what was raised.
        folder: the cell's, or the run's.
        doing: what was being done, as in ``while ...``.
    """
    if isinstance(error, SamcheckError):
        return str(error)
    log = _log(error, folder)
    if isinstance(error, OSError) and error.strerror:
        where = f" at {_quoted(error.filename)}" if error.filename else ""
        return f"{error.strerror}{where}, while {doing}: mend that, then --resume goes on from here{log}"
    return (
        f"samcheck itself failed while {doing}, with {_exception_text(error)}{_place(error.__traceback__)}: "
        f"report that, then --resume tries again{log}"
    )


def attempted(step: Callable[[], object], folder: Path, doing: str) -> str:
    """Do it; empty if that worked, else the sentence why not."""
    try:
        step()
    except ANY as error:
        return describe(error, folder, doing)
    return ""


def _exception_text(error: BaseException) -> str:
    """Type and message of an exception, which may be anybody's, in one line."""
    try:
        message = visible(str(error), LONGEST)
    except Exception:
        message = "(its message cannot be read)"
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _quoted(name: object) -> str:
    return visible(name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name))


def _place(trace: TracebackType | None) -> str:
    """The innermost line of samcheck's own code, else of anybody's."""
    frames = traceback.extract_tb(trace)
    if not frames:
        return ""
    own_frames = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)]
    last = (own_frames or frames)[-1]
    path = Path(last.filename)
    name = path.relative_to(_PACKAGE.parent) if own_frames else path.name
    return f" ({name}:{last.lineno}, in {last.name})"


def _log(error: BaseException, folder: Path) -> str:
    """Keep the traceback; says where it is, or nothing where it could not be kept."""
    path = folder / LOG
    try:
        folder.mkdir(parents=True, exist_ok=True)
        opened = os.open(path, _APPEND, 0o644)
        with open(opened, "a", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write("".join(traceback.format_exception(error)) + "\n")
    except Exception:  # the disk is full, say, which is then what is told anyway
        return ""
    return f" (traceback: {path})"
