"""Temporary folders for one start of a guest."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from samcheck import owned

GIVEN, WORK = "given-", "work-"


@contextmanager
def given(cell: Path) -> Iterator[Path]:
    """Yield a new folder for the guest's input; in a container it is read-only for the guest."""
    with _folder(cell, GIVEN) as folder:
        folder.chmod(0o755)  # the guest may be another user
        yield folder


@contextmanager
def work(cell: Path) -> Iterator[Path]:
    """Yield a new working folder for a guest that is not in a container."""
    with _folder(cell, WORK) as folder:
        yield folder


def sweep(cell: Path) -> None:
    """Remove the folders left by a killed samcheck."""
    for prefix in (GIVEN, WORK):
        for folder in cell.glob(f"{prefix}*"):
            _remove(folder)


@contextmanager
def _folder(cell: Path, prefix: str) -> Iterator[Path]:
    cell.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=cell))
    owned.mark(folder)
    try:
        yield folder
    finally:
        with suppress(OSError):
            _unlock(folder)
            owned.mark(folder)  # a check may have removed it
        _remove(folder)


def _remove(folder: Path) -> None:
    with suppress(OSError):  # what cannot be removed stays in the run's folder
        _unlock(folder)
        owned.remove(folder)


def _unlock(folder: Path) -> None:
    """Restore permissions that a guest of the same user may have removed."""
    if stat.S_ISDIR(os.lstat(folder).st_mode):
        folder.chmod(0o700)
