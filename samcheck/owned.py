"""What on a disk is samcheck's own: folders that carry its mark. Nothing else is ever removed, or counted.

A place says nothing: people put folders of their own beside samcheck's, and point $SAMCHECK_HOME to where
folders are already. So a folder gets its mark in the moment in which it is made, before anything else is put
into it, and loses it last, so that what was killed half way, in making or in removing, is still known.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from samcheck.errors import BadInput

#: A file in the folder; its name is what counts. A kill may leave it empty.
MARK = ".samcheck-made"
_TEXT = b"samcheck made this folder, and `samcheck clean` may remove it with everything in it.\n"

#: What is mounted where, one a line.
MOUNTS = Path("/proc/self/mountinfo")
MOUNTED = "another file system is mounted in it"
#: Tells what versions of samcheck before there were marks have unmistakably made.
MadeBefore = Callable[[Path], bool]


def nothing(_: Path) -> bool:
    """Whether an earlier version has made it, where earlier versions made no such thing."""
    return False


def is_own(folder: Path, made_before: MadeBefore = nothing) -> bool:
    """Whether samcheck made this folder. What a link leads to is never its own."""
    return _is(folder, stat.S_ISDIR) and (has_file(folder, MARK) or made_before(folder))


def has_file(folder: Path, name: str) -> bool:
    """Whether there is a regular file of this name in a folder; a link is none."""
    return _is(folder / name, stat.S_ISREG)


def _is(path: Path, kind: Callable[[int], bool]) -> bool:
    with suppress(OSError):
        return kind(os.lstat(path).st_mode)
    return False


def make(folder: Path, made_before: MadeBefore = nothing) -> None:
    """Have this folder, marked; what samcheck has put into it before stays.

    Raises:
        BadInput: something that is not samcheck's lies there.
        OSError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise _in_the_way(folder) from None
    # The last look is for another process that makes the same, and may have put something into it meanwhile.
    if is_own(folder, made_before) or _is_empty(folder) or is_own(folder):
        mark(folder)
    else:
        raise _in_the_way(folder)


def _is_empty(folder: Path) -> bool:
    return _is(folder, stat.S_ISDIR) and not any(folder.iterdir())


def _in_the_way(folder: Path) -> BadInput:
    return BadInput(f"{folder} is in the way, and not made by samcheck: move it away, and try again")


def mark(folder: Path) -> None:
    """Mark a folder that was just made."""
    if not has_file(folder, MARK):
        handle = os.open(folder / MARK, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            with suppress(OSError):  # on a full disk there is room for a name, and that is all it takes
                os.write(handle, _TEXT)
        finally:
            os.close(handle)


def has_mounts(folder: Path) -> bool:
    """Whether something is mounted in a folder, be it a part of the same file system."""
    real = os.fsencode(os.path.realpath(folder))
    try:
        lines = MOUNTS.read_bytes().splitlines()
    except OSError:
        return False
    points = (
        re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), line.split()[4]) for line in lines
    )
    return any(point == real or point.startswith(real + b"/") for point in points)


def _remove_tree(folder: str) -> None:
    try:
        shutil.rmtree(folder)
    except (OSError, RecursionError):  # a guest may have taken away its own user's rights, or gone very deep
        _flatten(folder)
        os.rmdir(folder)


def _flatten(folder: str) -> None:
    """Empty a folder however deep it is, by moving what lies in the folders in it up to their side."""
    os.chmod(folder, 0o700)
    while entries := list(os.scandir(folder)):
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                os.chmod(entry.path, 0o700)
                for below in os.scandir(entry.path):
                    _move_up(below, folder)
                os.rmdir(entry.path)
            else:
                os.unlink(entry.path)


def _move_up(entry: os.DirEntry[str], folder: str) -> None:
    if entry.is_dir(follow_symlinks=False):
        os.chmod(entry.path, 0o700)  # its entry for the folder above is changed
        os.rename(entry.path, tempfile.mkdtemp(dir=folder))  # over the empty one, whose name is free
    else:
        os.unlink(entry.path)


def remove(folder: Path, made_before: MadeBefore = nothing) -> str:
    """Remove a folder of samcheck's with everything in it; why not, where it is not its own. Follows no link.

    Raises:
        OSError: something in it cannot be removed; the folder is still marked.
    """
    if not is_own(folder, made_before):
        return "it is not marked as made by samcheck"
    if has_mounts(folder):  # what is in there is somebody else's
        return MOUNTED
    mark(folder)  # what an earlier version has made is known by what goes first
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _remove_tree(entry.path)
            elif entry.name != MARK:
                os.unlink(entry.path)
    os.unlink(folder / MARK)
    try:
        os.rmdir(folder)
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:  # somebody has made it again
            raise
    return ""
