"""Folders that last for one start of a guest."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

GIVEN, WORK = "given-", "work-"


@contextmanager
def given(cell: Path) -> Iterator[Path]:
    """A new folder for what the host gives a guest; in a container the guest can only read it."""
    with _folder(cell, GIVEN) as folder:
        folder.chmod(0o755)  # the guest may be another user
        yield folder


@contextmanager
def work(cell: Path) -> Iterator[Path]:
    """A new, empty folder for a guest that is not in a container to work in."""
    with _folder(cell, WORK) as folder:
        yield folder


def sweep(cell: Path) -> None:
    """Remove the folders of starts whose samcheck was killed."""
    for prefix in (GIVEN, WORK):
        for folder in cell.glob(f"{prefix}*"):
            if folder.is_dir() and not folder.is_symlink():
                remove(folder)


def remove(folder: Path) -> None:
    """Remove a folder with whatever a guest has left in it; what cannot be removed stays."""
    with suppress(OSError):
        shutil.rmtree(folder, onerror=_opened)


def _opened(retry: Callable[..., Any], path: str, _: object) -> None:
    """Take away the protection that keeps its owner from emptying a folder, and try once more."""
    with suppress(OSError):
        os.chmod(os.path.dirname(path), 0o700)
        if not os.path.islink(path):
            os.chmod(path, 0o700)
        retry(path)


@contextmanager
def _folder(cell: Path, prefix: str) -> Iterator[Path]:
    cell.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=cell))
    try:
        yield folder
    finally:
        remove(folder)
