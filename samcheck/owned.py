"""Ownership of folders by a mark in them. samcheck never removes or counts anything else.

A folder's location proves nothing: users put their own folders next to samcheck's, and point $SAMCHECK_HOME
to existing ones. So a folder is marked when it is created, before anything else is put into it, and loses the
mark last, so that one left by a kill, during creation or removal, is still recognised.
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

#: A file in the folder; only its name counts. A kill may leave it empty.
MARK = ".samcheck-made"
_TEXT = b"samcheck made this folder, and `samcheck clean` may remove it with everything in it.\n"

#: The mount table, one mount per line.
MOUNTS = Path("/proc/self/mountinfo")
MOUNTED = "another file system is mounted in it"
#: Recognises folders that old versions of samcheck, without marks, unmistakably made.
MadeBefore = Callable[[Path], bool]


def nothing(_: Path) -> bool:
    """Return False, for folders that old versions never made."""
    return False


def is_own(folder: Path, made_before: MadeBefore = nothing) -> bool:
    """Return whether samcheck made this folder. The target of a link is never its own."""
    return _is(folder, stat.S_ISDIR) and (has_file(folder, MARK) or made_before(folder))


def has_file(folder: Path, name: str) -> bool:
    """Return whether a folder has a regular file of this name; a link is not one."""
    return _is(folder / name, stat.S_ISREG)


def _is(path: Path, kind: Callable[[int], bool]) -> bool:
    with suppress(OSError):
        return kind(os.lstat(path).st_mode)
    return False


def make(folder: Path, made_before: MadeBefore = nothing) -> None:
    """Create and mark this folder; what samcheck put into it before stays.

    Raises:
        BadInput: something that is not samcheck's is there.
        OSError: it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise _in_the_way(folder) from None
    # The last check is for a concurrent process that creates the same folder and has put something into it.
    if is_own(folder, made_before) or _is_empty(folder) or is_own(folder):
        mark(folder)
    else:
        raise _in_the_way(folder)


def _is_empty(folder: Path) -> bool:
    return _is(folder, stat.S_ISDIR) and not any(folder.iterdir())


def _in_the_way(folder: Path) -> BadInput:
    return BadInput(f"{folder} is in the way and was not made by samcheck: move it away and try again")


def mark(folder: Path) -> None:
    """Mark a folder that was just created."""
    if not has_file(folder, MARK):
        handle = os.open(folder / MARK, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            with suppress(OSError):  # on a full disk there is still room for the name, which is enough
                os.write(handle, _TEXT)
        finally:
            os.close(handle)


def has_mounts(folder: Path) -> bool:
    """Return whether something is mounted in a folder, including a part of the same file system."""
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
    except (OSError, RecursionError):  # a guest may have removed permissions or nested folders very deeply
        _flatten(folder)
        os.rmdir(folder)


def _flatten(folder: str) -> None:
    """Empty a folder of any depth, by repeatedly moving the contents of its subfolders up."""
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
        os.chmod(entry.path, 0o700)  # since its .. entry changes
        os.rename(entry.path, tempfile.mkdtemp(dir=folder))  # replaces the empty folder, whose name is unique
    else:
        os.unlink(entry.path)


def remove(folder: Path, made_before: MadeBefore = nothing) -> str:
    """Remove one of samcheck's folders; return why not if it is not its own, else nothing. Follows no links.

    Raises:
        OSError: something in it cannot be removed; the folder is still marked.
    """
    if not is_own(folder, made_before):
        return "it is not marked as made by samcheck"
    if has_mounts(folder):  # its content belongs to somebody else
        return MOUNTED
    mark(folder)  # an unmarked folder of an old version is recognised by files that are removed first
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
        if error.errno != errno.ENOTEMPTY:  # somebody has created it again
            raise
    return ""
