"""An unexpected exception → a sentence: what happened, where, and what to do.

It becomes the reason of the one cell in which it occurred; other cells are unaffected.
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

#: What one cell may raise. A library's SystemExit would otherwise end the whole run, even with 0.
ANY = (Exception, SystemExit)
#: In the folder of the cell, or of the run.
LOG = "error.log"
LONGEST = 300
#: Not through a link, and not into a FIFO, where opening would wait for a reader.
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
_PACKAGE = Path(samcheck.__file__).parent


def describe(error: BaseException, folder: Path, doing: str) -> str:
    """Return the sentence, and append the traceback to the `LOG` in `folder`.

    Args:
        error: what was raised.
        folder: the cell's, or the run's.
        doing: what was being done, to follow ``while``.
    """
    if isinstance(error, SamcheckError):
        return str(error)
    log = _log(error, folder)
    if isinstance(error, OSError) and error.strerror:
        where = f" at {_quoted(error.filename)}" if error.filename else ""
        return f"{error.strerror}{where}, while {doing}: fix that, then re-run with --resume{log}"
    return (
        f"samcheck itself failed while {doing}, with {_exception_text(error)}{_place(error.__traceback__)}: "
        f"report this, then re-run with --resume{log}"
    )


def attempted(step: Callable[[], object], folder: Path, doing: str) -> str:
    """Do a step; return why it failed, or an empty string."""
    try:
        step()
    except ANY as error:
        return describe(error, folder, doing)
    return ""


def _exception_text(error: BaseException) -> str:
    """Return type and message of any exception, in one line."""
    try:
        message = visible(str(error), LONGEST)
    except Exception:
        message = "(unreadable message)"
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _quoted(name: object) -> str:
    return visible(name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name))


def _place(trace: TracebackType | None) -> str:
    """Return the innermost line of samcheck's own code, else of any code."""
    frames = traceback.extract_tb(trace)
    if not frames:
        return ""
    own_frames = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)]
    last = (own_frames or frames)[-1]
    path = Path(last.filename)
    name = path.relative_to(_PACKAGE.parent) if own_frames else path.name
    return f" ({name}:{last.lineno}, in {last.name})"


def _log(error: BaseException, folder: Path) -> str:
    """Write the traceback to the log; return where it is, or an empty string if writing failed."""
    path = folder / LOG
    try:
        folder.mkdir(parents=True, exist_ok=True)
        opened = os.open(path, _APPEND, 0o644)
        with open(opened, "a", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write("".join(traceback.format_exception(error)) + "\n")
    except Exception:  # such as a full disk, which the sentence reports anyway
        return ""
    return f" (traceback: {path})"
